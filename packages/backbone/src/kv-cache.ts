// Keys and values of every layer under one slot table. Knows no architecture: whoever writes rows decides their widths
// and what they hold.
import { createRowCache, type Device, type RowBatch, type Slots, type Tensor } from "@dual-head/tensor-core";

/** How many sequences a cache holds, and how many positions each. */
export interface KvCacheExtent {
  readonly slotCount: number;
  readonly capacity: number;
}

/** Extents of a cache; `keySize` and `valueSize` are the widths of one layer's rows, all heads together. */
export interface KvCacheOptions extends KvCacheExtent {
  readonly layerCount: number;
  readonly keySize: number;
  readonly valueSize: number;
}

/** Cached keys and values of sequences in slots; its memory is allocated once and does not grow. */
export interface KvCache extends Slots {
  readonly slotCount: number;
  /** The most positions one slot can hold. */
  readonly capacity: number;
  /** Checks that the batch continues its slots without a gap and fits, then lengthens them; throws SlotError. */
  extend(batch: RowBatch): void;
  /** Writes one layer's keys [N, keySize] and values [N, valueSize] of the batch. */
  write(layer: number, keys: Tensor, values: Tensor, batch: RowBatch): void;
  /** Keys of a layer, [slotCount·capacity, keySize]; valid until the layer's next write. */
  keys(layer: number): Tensor;
  /** Values of a layer, [slotCount·capacity, valueSize]; valid until the layer's next write. */
  values(layer: number): Tensor;
  /** Key ranges of the batch's rows: up to and including each one's own, at most `window` of them; [2·N]. */
  ranges(batch: RowBatch, window?: number): Uint32Array;
}

/** Creates a cache; the caller disposes it. */
export function createKvCache(device: Device, options: KvCacheOptions): KvCache {
  const { slotCount, capacity, layerCount, keySize, valueSize } = options;
  const widths = Array.from({ length: 2 * layerCount }, (_, index) => (index % 2 === 0 ? keySize : valueSize));
  const rows = createRowCache(device, { slotCount, capacity, widths });
  return {
    slotCount,
    capacity,
    open: () => rows.open(),
    fork: (slot) => rows.fork(slot),
    truncate: (slot, length) => rows.truncate(slot, length),
    close: (slot) => rows.close(slot),
    length: (slot) => rows.length(slot),
    extend: (batch) => rows.extend(batch),
    write(layer, keys, values, batch) {
      rows.write(2 * layer, keys, batch);
      rows.write(2 * layer + 1, values, batch);
    },
    keys: (layer) => rows.matrix(2 * layer),
    values: (layer) => rows.matrix(2 * layer + 1),
    ranges: (batch, window) => rows.ranges(batch, window),
    [Symbol.dispose]: () => rows[Symbol.dispose](),
  };
}
