// topK on the cpu device: what blocks of columns amount to on all threads, and their merging, row by row.
import { type CpuCall, type CpuRunner, chunkFor } from "../../backends/cpu/call.ts";
import type { TopKAttrs } from "./op.ts";

/** Columns of a block: few enough to pass by unseen or be read again from the nearest cache. */
export const BLOCK_COLUMNS = 256;
// What is known of a block and of a row so far: a sum in float64, a maximum, and how many values a row holds.
const BLOCK_BYTES = 16;
export const STATE_BYTES = 16;

/** Logits [rows, columns] whose columns are those of the whole from `first` on. */
export interface LogitSlab {
  readonly pointer: number;
  readonly rowStride: number;
  readonly rows: number;
  readonly columns: number;
  readonly first: number;
}

/** Where what is known of each row so far lies. */
export interface RunningTopK {
  readonly states: number;
  readonly count: number;
  readonly values: number;
  readonly ids: number;
  readonly totals: number;
}

/**
 * Folds a slab into what is known of its rows. Slabs come in the order of columns and begin at multiples of
 * BLOCK_COLUMNS: how many there are then changes no bit.
 */
export function foldSlab(
  runner: CpuRunner,
  { pointer, rowStride, rows, columns, first }: LogitSlab,
  { states, count, values, ids, totals }: RunningTopK,
): void {
  const blockCount = Math.ceil(columns / BLOCK_COLUMNS);
  const blocks = runner.scratch(BLOCK_BYTES * rows * blockCount);
  const slab = [pointer, rowStride, columns];
  runner.parallel(
    "summariseBlocks",
    [...slab, BLOCK_COLUMNS, blockCount, blocks],
    rows * blockCount,
    chunkFor(10 * BLOCK_COLUMNS),
  );
  const args = [...slab, first, BLOCK_COLUMNS, blockCount, blocks, states, count, values, ids, totals];
  runner.parallel("mergeBlocks", args, rows, chunkFor(columns));
  runner.release(blocks);
}

/** What is known of rows from `row` on, given `states` of all rows: results so far lie where they will be. */
export function runningTopK({ outputs, attrs }: CpuCall<TopKAttrs>, states: number, row: number): RunningTopK {
  const [values, ids, totals] = outputs.map(({ pointer }) => pointer) as [number, number, number];
  const { count } = attrs;
  return {
    states: states + STATE_BYTES * row,
    count,
    values: values + 4 * row * count,
    ids: ids + 4 * row * count,
    totals: totals + 4 * row,
  };
}

/** The cpu kernel of topK: the whole is one slab. */
export const cpu: (call: CpuCall<TopKAttrs>) => void = (call) => {
  const { pointer, shape } = call.inputs[0]!;
  const [rows, columns] = shape as [number, number];
  foldSlab(
    call,
    { pointer, rows, columns, rowStride: columns, first: 0 },
    runningTopK(call, call.scratch(STATE_BYTES * rows), 0),
  );
};
