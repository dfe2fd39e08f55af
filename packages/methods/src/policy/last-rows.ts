// The last hidden state of each sequence with what gates and heads made of it: what the next token's distribution is
// computed from when it is asked for only later. Knows no logits.
import {
  createRowCache,
  type Device,
  gatherRows,
  type RowBatch,
  type RowCache,
  reshape,
  type Slot,
  type Slots,
  type Tensor,
} from "@dual-head/tensor-core";

/** Hidden states [N, D] with each head's gate logits, [N], and features of its own, [N, D] or null. */
export interface GatedRows {
  readonly hidden: Tensor;
  readonly gateLogits: readonly Tensor[];
  readonly features: readonly (Tensor | null)[];
}

/** One row a sequence, in slots. */
export interface LastRows extends Slots {
  /** Replaces the rows of the batch's slots, which are distinct, by the rows given, in their order; positions are 0. */
  write(batch: RowBatch, rows: GatedRows): void;
  /** The rows of slots that have been written. */
  read(slots: readonly Slot[]): GatedRows;
}

/**
 * Creates a store for `slotCount` sequences; the caller disposes it.
 *
 * @param heads whether each head has features of its own
 */
export function createLastRows(
  device: Device,
  slotCount: number,
  hiddenSize: number,
  heads: readonly { readonly hasFeatures: boolean }[],
): LastRows {
  const featured = heads.filter(({ hasFeatures }) => hasFeatures);
  const widths = [hiddenSize, ...heads.map(() => 1), ...featured.map(() => hiddenSize)];
  const rows: RowCache = createRowCache(device, { slotCount, capacity: 1, widths });
  return {
    open: () => rows.open(),
    fork: (slot) => rows.fork(slot),
    truncate: (slot, length) => rows.truncate(slot, length),
    close: (slot) => rows.close(slot),
    length: (slot) => rows.length(slot),
    write(batch, { hidden, gateLogits, features }) {
      // A fork may share the former row: emptied slots take rows of their own.
      device.host(() => {
        for (const slot of batch.slots) rows.truncate(slot, 0);
      });
      rows.extend(batch);
      device.scope(() => {
        const columns = gateLogits.map((logits) => reshape(logits, [hidden.shape[0]!, 1]));
        const own = features.filter((each) => each !== null);
        for (const [index, each] of [hidden, ...columns, ...own].entries()) rows.write(index, each, batch);
      });
    },
    read(slots) {
      return device.scope(() => {
        const index = device.tensor(rows.rows(lastRowBatch(slots)), [slots.length]);
        const read = (matrix: number) => gatherRows(rows.matrix(matrix), index);
        let next = 1 + heads.length;
        return {
          hidden: read(0),
          gateLogits: heads.map((_, head) => reshape(read(1 + head), [slots.length])),
          features: heads.map(({ hasFeatures }) => (hasFeatures ? read(next++) : null)),
        };
      });
    },
    [Symbol.dispose]: () => rows[Symbol.dispose](),
  };
}

/** One row of each slot. */
export function lastRowBatch(slots: Iterable<Slot>): RowBatch {
  const own = Uint32Array.from(slots);
  return { slots: own, positions: new Uint32Array(own.length) };
}

/** Some of the rows, in the order of `rows`. */
export function pickRows({ hidden, gateLogits, features }: GatedRows, rows: Uint32Array): GatedRows {
  const rowCount = hidden.shape[0]!;
  if (rows.length === rowCount && rows.every((row, at) => row === at)) return { hidden, gateLogits, features };
  return hidden.device.scope(() => {
    const index = hidden.device.tensor(rows, [rows.length]);
    const pick = (matrix: Tensor) => gatherRows(matrix, index);
    return {
      hidden: pick(hidden),
      gateLogits: gateLogits.map((logits) => reshape(pick(reshape(logits, [rowCount, 1])), [rows.length])),
      features: features.map((own) => own && pick(own)),
    };
  });
}
