// The last hidden state and gate logits of each sequence: what the next token's distribution is computed from when it
// is asked for only later. Knows no head.
import {
  createRowCache,
  type Device,
  gatherRows,
  type RowCache,
  reshape,
  type Slot,
  type Slots,
  type Tensor,
} from "@dual-head/tensor-core";

/** Hidden states [N, D] with the gate logits of each head, [N] each. */
export interface GatedRows {
  readonly hidden: Tensor;
  readonly gateLogits: readonly Tensor[];
}

/** One row a sequence, in slots. */
export interface LastRows extends Slots {
  /** Replaces the rows of distinct slots by the rows given, in their order. */
  write(slots: readonly Slot[], rows: GatedRows): void;
  /** The rows of slots that have been written. */
  read(slots: readonly Slot[]): GatedRows;
}

/** Creates a store for `slotCount` sequences; the caller disposes it. */
export function createLastRows(device: Device, slotCount: number, hiddenSize: number, headCount: number): LastRows {
  const widths = [hiddenSize, ...new Array<number>(headCount).fill(1)];
  const rows: RowCache = createRowCache(device, { slotCount, capacity: 1, widths });
  const batchOf = (slots: readonly Slot[]) => ({
    slots: Uint32Array.from(slots),
    positions: new Uint32Array(slots.length),
  });
  return {
    open: () => rows.open(),
    fork: (slot) => rows.fork(slot),
    truncate: (slot, length) => rows.truncate(slot, length),
    close: (slot) => rows.close(slot),
    length: (slot) => rows.length(slot),
    write(slots, { hidden, gateLogits }) {
      const batch = batchOf(slots);
      // A fork may share the former row: emptied slots take rows of their own.
      for (const slot of slots) rows.truncate(slot, 0);
      rows.extend(batch);
      rows.write(0, hidden, batch);
      device.scope(() => {
        for (const [head, logits] of gateLogits.entries()) {
          rows.write(head + 1, reshape(logits, [slots.length, 1]), batch);
        }
      });
    },
    read(slots) {
      return device.scope(() => {
        const index = device.tensor(rows.rows(batchOf(slots)), [slots.length]);
        return {
          hidden: gatherRows(rows.matrix(0), index),
          gateLogits: Array.from({ length: headCount }, (_, head) =>
            reshape(gatherRows(rows.matrix(head + 1), index), [slots.length]),
          ),
        };
      });
    },
    [Symbol.dispose]: () => rows[Symbol.dispose](),
  };
}

/** Some of the rows, in the order of `rows`. */
export function pickRows({ hidden, gateLogits }: GatedRows, rows: Uint32Array): GatedRows {
  const rowCount = hidden.shape[0]!;
  if (rows.length === rowCount && rows.every((row, at) => row === at)) return { hidden, gateLogits };
  return hidden.device.scope(() => {
    const index = hidden.device.tensor(rows, [rows.length]);
    const pick = (logits: Tensor) => reshape(gatherRows(reshape(logits, [rowCount, 1]), index), [rows.length]);
    return { hidden: gatherRows(hidden, index), gateLogits: gateLogits.map(pick) };
  });
}
