// Keys and values of every layer under one slot table, and final hidden states beside them where they are asked for.
// Knows no architecture: whoever writes rows decides their widths and what they hold.
import {
  createRowCache,
  type Device,
  type Page,
  type PageTableOptions,
  type RowBatch,
  SlotError,
  type Slots,
  type Tensor,
} from "@dual-head/tensor-core";

/** How many sequences a cache holds, and how many positions each; what a backbone passes on as it is given. */
export interface KvCacheExtent extends Omit<PageTableOptions, "window"> {
  /** D, where the cache is to keep final hidden states too; 0 by default. */
  readonly hiddenSize?: number | undefined;
}

/** Extents of a cache; `keySize` and `valueSize` are the widths of one layer's rows, all heads together. */
export interface KvCacheOptions extends KvCacheExtent, Pick<PageTableOptions, "window"> {
  readonly layerCount: number;
  readonly keySize: number;
  readonly valueSize: number;
}

/**
 * Cached keys and values of sequences in slots; its memory is allocated once and does not grow. Forks share their rows,
 * and with a window a slot keeps window + chunkSize − 1 of them.
 */
export interface KvCache extends Slots {
  readonly slotCount: number;
  /** The most positions one slot can hold. */
  readonly capacity: number;
  /** Positions of a page: what forks and holders share is whole pages. */
  readonly pageSize: number;
  /** How many positions one sees, itself included. */
  readonly window: number;
  /** The most positions of one slot in one batch. */
  readonly chunkSize: number;
  /** Rows of all pages, and of those that nobody holds. */
  readonly rowCount: number;
  readonly freeRows: number;
  /** Bytes of one row: keys and values of all layers and, where kept, the hidden state. */
  readonly bytesPerRow: number;
  /** Width of the hidden states kept; 0 where they are not. */
  readonly hiddenSize: number;
  /** Whether `truncate` would do it: with a window, whether the rows that position `length` sees are still there. */
  canTruncate(slot: number, length: number): boolean;
  /** Checks that the batch continues its slots without a gap and fits, then lengthens them; throws SlotError. */
  extend(batch: RowBatch): void;
  /** Writes one layer's keys [N, keySize] and values [N, valueSize] of the batch. */
  write(layer: number, keys: Tensor, values: Tensor, batch: RowBatch): void;
  /** Keys of a layer, [rowCount, keySize]; valid until the layer's next write. */
  keys(layer: number): Tensor;
  /** Values of a layer, [rowCount, valueSize]; valid until the layer's next write. */
  values(layer: number): Tensor;
  /** Key ranges of the batch's rows for `attention`: up to and including each one's own, at most `window`; [N, 2·R]. */
  ranges(batch: RowBatch, window?: number): Uint32Array;
  /** Writes final hidden states [N, D] of the batch. */
  writeHidden(hidden: Tensor, batch: RowBatch): void;
  /** Final hidden states, [rowCount, D]; valid until the next are written. Throws SlotError where they are not kept. */
  hidden(): Tensor;
  /** Keeps page `index` of a slot beyond its life, until released; null where it is not full, or left the window. */
  hold(slot: number, index: number): Page | null;
  /** Gives up a page that was held. */
  release(page: Page): void;
  /** Continues a slot, which must end with a page, by pages that are held; it shares them. */
  adopt(slot: number, pages: readonly Page[]): void;
  /** The rows of pages in every matrix, one page after the other. */
  rowsOf(pages: readonly Page[]): Uint32Array;
}

/** Creates a cache; the caller disposes it. */
export function createKvCache(device: Device, options: KvCacheOptions): KvCache {
  const { layerCount, keySize, valueSize, hiddenSize = 0, ...extents } = options;
  const widths = Array.from({ length: 2 * layerCount }, (_, index) => (index % 2 === 0 ? keySize : valueSize));
  if (hiddenSize > 0) widths.push(hiddenSize);
  const rows = createRowCache(device, { ...extents, widths });
  const elementBytes = device.floatDtype === "f64" ? 8 : 4;
  return {
    slotCount: rows.slotCount,
    capacity: rows.capacity,
    pageSize: rows.pageSize,
    window: rows.window,
    chunkSize: rows.chunkSize,
    rowCount: rows.rowCount,
    get freeRows() {
      return rows.freeRows;
    },
    bytesPerRow: elementBytes * widths.reduce((sum, width) => sum + width, 0),
    hiddenSize,
    open: () => rows.open(),
    fork: (slot) => rows.fork(slot),
    truncate: (slot, length) => rows.truncate(slot, length),
    canTruncate(slot, length) {
      const current = rows.length(slot);
      if (!Number.isInteger(length) || length < 0 || length > current) return false;
      const index = Math.floor(Math.max(0, length + 1 - rows.window) / rows.pageSize);
      // Rows go by whole pages, the first ones first, and the last page is always there.
      if (length === 0 || (index + 1) * rows.pageSize > current) return true;
      const page = rows.hold(slot, index);
      if (page !== null) rows.release(page);
      return page !== null;
    },
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
    writeHidden: (hidden, batch) => rows.write(hiddenIndex(), hidden, batch),
    hidden: () => rows.matrix(hiddenIndex()),
    hold: (slot, index) => rows.hold(slot, index),
    release: (page) => rows.release(page),
    adopt: (slot, pages) => rows.adopt(slot, pages),
    rowsOf: (pages) => rows.rowsOf(pages),
    [Symbol.dispose]: () => rows[Symbol.dispose](),
  };

  function hiddenIndex(): number {
    if (hiddenSize > 0) return 2 * layerCount;
    throw new SlotError("Cannot use hidden states: this cache keeps none; create it with hiddenSize", "matrix");
  }
}
