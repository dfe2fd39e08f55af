// The contract of whatever reads a sequence causally beside a history of its own: a gate with its parameters, a head's
// encoding. Knows no implementation.
import type { Device } from "../device.ts";
import { gatherRows } from "../ops/gather-rows/op.ts";
import type { Tensor } from "../tensor.ts";
import type { RowBatch, Segments } from "./ragged.ts";
import type { RowCache } from "./row-cache.ts";

/** Extents of a history: sequences at once, and positions of each. */
export interface HistoryExtent {
  readonly slotCount: number;
  readonly capacity: number;
}

/**
 * A causal function of hidden states: what it says of a row depends on the rows up to and including it. Its two views
 * must agree: `read` sees whole segments and is differentiable, `extend` sees new rows beside a history of the former ones.
 * The laws are `causalReaderLaws` in `@dual-head/tensor-core/testing`.
 */
export interface CausalReader {
  /**
   * What it says of the rows `rows` (u32 on the host; every row by default), [rows.length] or [rows.length, W].
   *
   * @param hidden [N, D], the rows of all segments one after the other
   */
  read(hidden: Tensor, segments: Segments, rows?: Uint32Array): Tensor;
  /** What is remembered of each sequence. */
  createHistory(device: Device, extent: HistoryExtent): RowCache;
  /**
   * Appends rows to the history and says the same of the rows `rows` of them (by default each). Steps are recorded: what
   * depends on the batch, whose arrays are filled anew for each, reaches the device by functions (`Recordings`), as
   * `history` does it.
   *
   * @param hidden [N, D], entry n at position batch.positions[n] of slot batch.slots[n]
   * @throws SlotError where the rows do not continue their slots
   */
  extend(hidden: Tensor, batch: RowBatch, history: RowCache, rows?: Uint32Array): Tensor;
}

/** The rows of hidden states [N, D] that a reader is asked about, [rows.length, D]; every row by default. */
export function rowsAsked(hidden: Tensor, rows?: Uint32Array): Tensor {
  return rows === undefined ? hidden : gatherRows(hidden, hidden.device.tensor(rows, [rows.length]));
}
