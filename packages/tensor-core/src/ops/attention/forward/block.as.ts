// A block of keys in a thread's scratch memory: which they are, the scores of rows with them, and the softmax, which is online
// over blocks; AssemblyScript. Does not know how scores come about.
import { exponentiate, loadPartial, rowMax, sexp, slog, storePartial } from "../../../backends/cpu/prelude.as";

// Keys a block: their scores and the vectors they weigh stay in the first-level cache.
export const KEY_BLOCK: i32 = 128;
export const SCORE_BYTES: usize = <usize>KEY_BLOCK << 2;
/** Rows at a time, a row being a query and a head: of some queries or of one. */
export const ROWS: i32 = 64;

// Scratch memory of a thread: where the walk over ranges is; of a block the row of each key; of rows how many keys of the
// block they see, highest score, sum of weights, addresses of query and output; four lanes of a tile; a tile's output;
// scores; a panel of keys [lanes][16 keys] or of values [128 keys][16 columns].
export const CURSOR: usize = 0;
export const KEYS: usize = 64;
export const COUNTS: usize = KEYS + SCORE_BYTES;
export const HIGHEST: usize = COUNTS + 4 * <usize>ROWS;
export const TOTALS: usize = HIGHEST + 4 * <usize>ROWS;
export const LENGTHS: usize = TOTALS + 4 * <usize>ROWS;
export const QUERIES: usize = LENGTHS + 4 * <usize>ROWS;
export const OUTPUTS: usize = QUERIES + 4 * <usize>ROWS;
export const LANES: usize = OUTPUTS + 4 * <usize>ROWS;
export const LANE_BYTES: usize = 256;
export const RIM: usize = LANES + 4 * LANE_BYTES;
export const SCORES: usize = RIM + 256;
export const PANEL: usize = SCORES + <usize>ROWS * SCORE_BYTES;

@inline
export function scaleRow(y: usize, factor: f32, width: i32): void {
  const by = f32x4.splat(factor);
  let k = 0;
  for (; k <= width - 4; k += 4) {
    v128.store(y, f32x4.mul(v128.load(y), by));
    y += 16;
  }
  if (k < width) storePartial(y, f32x4.mul(loadPartial(y, width - k), by), width - k);
}

/** Numbers one by one: calls of memory.fill and memory.copy take longer than rows of a few. */
@inline
export function zeroRow(y: usize, width: i32): void {
  let k = 0;
  for (; k <= width - 4; k += 4) v128.store(y + (<usize>k << 2), f32x4.splat(0));
  for (; k < width; k++) f32.store(y + (<usize>k << 2), 0);
}

@inline
export function copyRow(to: usize, from: usize, width: i32): void {
  for (let k = 0; k < width; k++) f32.store(to + (<usize>k << 2), f32.load(from + (<usize>k << 2)));
}

/** Begins a walk over a query's ranges. */
@inline
export function beginKeys(scratch: usize, range: usize): void {
  store<usize>(scratch + CURSOR, range);
  i32.store(scratch + CURSOR + 8, i32.load(range));
}

/** Rows of the next keys of the walk, at most a block, `last` being the last range; returns how many there are. */
export function nextKeys(scratch: usize, last: usize): i32 {
  let range = load<usize>(scratch + CURSOR);
  let at = i32.load(scratch + CURSOR + 8);
  let count = 0;
  while (true) {
    const piece = max(0, min(KEY_BLOCK - count, i32.load(range, 4) - at));
    const to = scratch + KEYS + (<usize>count << 2);
    for (let s = 0; s < piece; s++) i32.store(to + (<usize>s << 2), at + s);
    count += piece;
    at += piece;
    if (count == KEY_BLOCK || range == last) break;
    range += 8;
    at = i32.load(range);
  }
  store<usize>(scratch + CURSOR, range);
  i32.store(scratch + CURSOR + 8, at);
  return count;
}

/** Weights of the block's `count` scores in place; what was summed before is scaled where a score is higher than all before. */
@inline
export function weigh(scratch: usize, row: i32, count: i32, isFirst: bool, y: usize, valueSize: i32): void {
  const scores = scratch + SCORES + <usize>row * SCORE_BYTES;
  const place = scratch + (<usize>row << 2);
  const highest: f32 = isFirst ? -Infinity : f32.load(place + HIGHEST);
  let total: f32 = isFirst ? 0 : f32.load(place + TOTALS);
  const highestNow = max<f32>(highest, rowMax(scores, count));
  if (!isFirst && highestNow > highest) {
    const shrink = sexp(highest - highestNow);
    total *= shrink;
    scaleRow(y, shrink, valueSize);
  }
  f32.store(place + HIGHEST, highestNow);
  f32.store(place + TOTALS, total + exponentiate(scores, count, highestNow));
}

/** Divides a row's sums by that of their weights, and stores the log-normaliser. */
@inline
export function finish(scratch: usize, row: i32, y: usize, valueSize: i32, logNormaliser: usize): void {
  const place = scratch + (<usize>row << 2);
  const total = f32.load(place + TOTALS);
  scaleRow(y, 1 / total, valueSize);
  f32.store(logNormaliser, f32.load(place + HIGHEST) + slog(total));
}

/** Keys of a query. */
export function keyCountOf(ranges: usize, query: i32, rangeCount: usize): i32 {
  let sum = 0;
  let range = ranges + ((<usize>query * rangeCount) << 3);
  for (let each: usize = 0; each < rangeCount; each++) {
    sum += max(0, i32.load(range, 4) - i32.load(range));
    range += 8;
  }
  return sum;
}
