// The largest elements of rows and the sum that normalises them, a slab of columns after the other: what blocks of columns
// amount to, and those blocks merged in order; AssemblyScript.
import { rowExpSum, rowMax, sexp } from "../../backends/cpu/prelude.as";

/** Bytes of what is known of a block: Σ exp(z − maximum) in float64, the maximum. */
const BLOCK_BYTES: usize = 16;
/** Bytes of what is known of a row so far: the same, and how many values are held. */
const STATE_BYTES: usize = 16;

/**
 * Maximum and Σ exp(z − maximum) of each block of `blockWidth` columns of a slab z [rows, width], row by row; a block of −∞
 * sums to 0. A block is summed in float32, in few addends a lane, and blocks in float64. Units: blocks of all rows.
 */
export function summariseBlocks(
  z: usize, rowStride: usize, width: i32, blockWidth: i32, blockCount: i32, blocks: usize, begin: i32, end: i32,
): void {
  let row = begin / blockCount;
  let first = (begin - row * blockCount) * blockWidth;
  let to = blocks + <usize>begin * BLOCK_BYTES;
  for (let unit = begin; unit < end; unit++) {
    const from = z + ((<usize>row * rowStride + <usize>first) << 2);
    const count = min(blockWidth, width - first);
    const highest = rowMax(from, count);
    f64.store(to, <f64>rowExpSum(from, count, highest == -Infinity ? 0 : highest));
    f32.store(to, highest, 8);
    to += BLOCK_BYTES;
    first += blockWidth;
    if (first >= width) {
      first = 0;
      row++;
    }
  }
}

/** Puts (value, id) in its place among `held` falling values; the last of `count` falls out. Returns how many are held. */
@inline
function insert(values: usize, ids: usize, held: i32, count: i32, value: f32, id: i32): i32 {
  let at = <usize>(held < count ? held : count - 1) << 2;
  while (at > 0 && f32.load(values + at - 4) < value) {
    f32.store(values + at, f32.load(values + at - 4));
    i32.store(ids + at, i32.load(ids + at - 4));
    at -= 4;
  }
  f32.store(values + at, value);
  i32.store(ids + at, id);
  return min(held + 1, count);
}

/** Takes what of `width` elements, whose ids begin with `id`, exceeds the least value kept. Returns how many are held. */
function takeLargest(from: usize, width: i32, id: i32, values: usize, ids: usize, count: i32, held: i32): i32 {
  const lowest = values + (<usize>(count - 1) << 2);
  for (let k = 0; k < width; k += 16) {
    // Most vectors hold nothing above the least value kept; in this order NaN hides nothing.
    while (k <= width - 16) {
      const least = v128.load32_splat(lowest);
      let most = f32x4.pmax(f32x4.pmax(least, v128.load(from)), v128.load(from, 16));
      most = f32x4.pmax(f32x4.pmax(most, v128.load(from, 32)), v128.load(from, 48));
      if (v128.any_true(f32x4.gt(most, least))) break;
      from += 64;
      k += 16;
    }
    const rest = min(16, width - k);
    for (let lane = 0; lane < rest; lane++) {
      const value = f32.load(from);
      if (value > f32.load(lowest)) held = insert(values, ids, held, count, value, id + k + lane);
      from += 4;
    }
  }
  return held;
}

/**
 * Merges the blocks of a slab, whose columns have ids from `firstId` on, in order into what is known of each row: `count`
 * values and ids, and the total so far. Where `firstId` is 0 a row begins. Units: rows.
 */
export function mergeBlocks(
  z: usize, rowStride: usize, width: i32, firstId: i32, blockWidth: i32, blockCount: i32, blocks: usize,
  states: usize, count: i32, values: usize, ids: usize, totals: usize, begin: i32, end: i32,
): void {
  for (let row = begin; row < end; row++) {
    const line = z + ((<usize>row * rowStride) << 2);
    const state = states + <usize>row * STATE_BYTES;
    const rowValues = values + ((<usize>row * count) << 2);
    const rowIds = ids + ((<usize>row * count) << 2);
    if (firstId == 0) {
      f64.store(state, 0);
      f32.store(state, -Infinity, 8);
      i32.store(state, 0, 12);
      for (let rank = 0; rank < count; rank++) {
        f32.store(rowValues + (<usize>rank << 2), -Infinity);
        i32.store(rowIds + (<usize>rank << 2), 0);
      }
    }
    const lowest = rowValues + (<usize>(count - 1) << 2);
    let sum = f64.load(state);
    let highest = f32.load(state, 8);
    let held = i32.load(state, 12);
    let block = blocks + <usize>row * blockCount * BLOCK_BYTES;
    for (let first = 0; first < width; first += blockWidth) {
      const blockHighest = f32.load(block, 8);
      if (blockHighest > f32.load(lowest)) {
        const from = line + (<usize>first << 2);
        held = takeLargest(from, min(blockWidth, width - first), firstId + first, rowValues, rowIds, count, held);
      }
      if (blockHighest > highest) {
        sum = sum * <f64>sexp(highest - blockHighest) + f64.load(block);
        highest = blockHighest;
      } else {
        // A block of −∞ sums to 0, or has NaN, whatever its distance.
        const scale = blockHighest == -Infinity ? 1 : <f64>sexp(blockHighest - highest);
        sum += f64.load(block) * scale;
      }
      block += BLOCK_BYTES;
    }
    f64.store(state, sum);
    f32.store(state, highest, 8);
    i32.store(state, held, 12);
    // No exponential is that of a distance from −∞.
    f32.store(totals + (<usize>row << 2), highest == -Infinity ? NaN : <f32>sum);
  }
}
