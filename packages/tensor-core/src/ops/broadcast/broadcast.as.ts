// Repeating and summing over broadcast axes; sums run in float64 and in one fixed order; AssemblyScript.
import { loadPartial, storePartial } from "../../backends/cpu/prelude.as";

/** Units: rows of `width`, the last of them cut at `total`. Strides are in elements, that of columns 0 or 1. */
export function repeatRows(x: usize, rowStride: usize, columnStride: i32, y: usize, width: i32, total: usize, begin: usize, end: usize): void {
  for (let unit = begin; unit < end; unit++) {
    const first = unit * width;
    const count = <i32>min<usize>(width, total - first);
    const from = x + ((unit * rowStride) << 2);
    let to = y + (first << 2);
    if (columnStride) {
      memory.copy(to, from, <usize>count << 2);
      continue;
    }
    const value = v128.load32_splat(from);
    let k = 0;
    for (; k <= count - 4; k += 4) {
      v128.store(to, value);
      to += 16;
    }
    if (k < count) storePartial(to, value, count - k);
  }
}

@inline
function lowHalf(value: v128): v128 {
  return f64x2.promote_low_f32x4(value);
}

@inline
function highHalf(value: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<f32>(value, value, 2, 3, 2, 3));
}

/** Eight sums of pairs: fewer would wait for their own additions instead of for memory. */
@inline
function sumOf(from: usize, count: i32): f64 {
  let s0 = f64x2.splat(0), s1 = f64x2.splat(0), s2 = f64x2.splat(0), s3 = f64x2.splat(0);
  let s4 = f64x2.splat(0), s5 = f64x2.splat(0), s6 = f64x2.splat(0), s7 = f64x2.splat(0);
  let k = 0;
  for (; k <= count - 16; k += 16) {
    let value = v128.load(from);
    s0 = f64x2.add(s0, lowHalf(value));
    s1 = f64x2.add(s1, highHalf(value));
    value = v128.load(from, 16);
    s2 = f64x2.add(s2, lowHalf(value));
    s3 = f64x2.add(s3, highHalf(value));
    value = v128.load(from, 32);
    s4 = f64x2.add(s4, lowHalf(value));
    s5 = f64x2.add(s5, highHalf(value));
    value = v128.load(from, 48);
    s6 = f64x2.add(s6, lowHalf(value));
    s7 = f64x2.add(s7, highHalf(value));
    from += 64;
  }
  for (; k <= count - 4; k += 4) {
    const value = v128.load(from);
    s0 = f64x2.add(s0, lowHalf(value));
    s1 = f64x2.add(s1, highHalf(value));
    from += 16;
  }
  const first = f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3));
  const pairs = f64x2.add(first, f64x2.add(f64x2.add(s4, s5), f64x2.add(s6, s7)));
  let sum = f64x2.extract_lane(pairs, 0) + f64x2.extract_lane(pairs, 1);
  for (; k < count; k++) {
    sum += <f64>f32.load(from);
    from += 4;
  }
  return sum;
}

/** y[row] = Σ x[row, :]. Units: rows. */
export function sumRows(x: usize, y: usize, width: i32, begin: usize, end: usize): void {
  for (let row = begin; row < end; row++) f32.store(y + (row << 2), <f32>sumOf(x + ((row * width) << 2), width));
}

/** Float64 sums of blocks of `blockSize` elements. Units: blocks. */
export function sumBlocks(x: usize, sums: usize, blockSize: i32, total: usize, begin: usize, end: usize): void {
  for (let block = begin; block < end; block++) {
    const first = block * blockSize;
    f64.store(sums + (block << 3), sumOf(x + (first << 2), <i32>min<usize>(blockSize, total - first)));
  }
}

/** y[column] = Σ x[:, column]. Units: 4 columns. */
export function sumColumns(x: usize, y: usize, rowCount: usize, width: i32, begin: i32, end: i32): void {
  for (let unit = begin; unit < end; unit++) {
    const column = unit * 4;
    const count = width - column;
    let from = x + (<usize>column << 2);
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (let row: usize = 0; row < rowCount; row++) {
      const value = count >= 4 ? v128.load(from) : loadPartial(from, count);
      low = f64x2.add(low, lowHalf(value));
      high = f64x2.add(high, highHalf(value));
      from += <usize>width << 2;
    }
    const first = f32x4.demote_f64x2_zero(low);
    const second = f32x4.demote_f64x2_zero(high);
    const sums = v128.shuffle<f32>(first, second, 0, 1, 4, 5);
    const to = y + (<usize>column << 2);
    if (count >= 4) v128.store(to, sums);
    else storePartial(to, sums, count);
  }
}
