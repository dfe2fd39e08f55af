// Products of rounded rows with 8-bit panels, exact in integers within a block, and panels back to float32 rows;
// AssemblyScript. Knows the layout of format.ts.
import { fma, halfBiasRoot, threadScratch } from "../../backends/cpu/prelude.as";
import { extremeOf, loadScale, loadMovedMagnitudes, quantise, SCALE_BYTES, storeScale } from "../blocks.as";
import { storePanel } from "../panel.as";

const BLOCK_BYTES: usize = SCALE_BYTES + 256;

/**
 * Σ of the eight rows of two panels, at v and `away` bytes behind, times the row of integers from `from` to `last`: sixteen
 * numbers at `to`. Exported, so that it stays a function: within the loops of `multiplyQ8` engines keep their counters in
 * registers and these pointers in memory.
 */
export function sumPanelsQ8(v: usize, away: usize, from: usize, last: usize, scale: usize, to: usize): void {
  let low = f32x4.splat(0), high = f32x4.splat(0), farLow = f32x4.splat(0), farHigh = f32x4.splat(0);
  while (from < last) {
    let rows0 = i32x4.splat(0), rows4 = i32x4.splat(0), far0 = i32x4.splat(0), far4 = i32x4.splat(0);
    let integers = v + SCALE_BYTES, far = integers + away;
    // Two columns of eight rows a load. Rows 0 to 3 and 4 to 7 go side by side, which engines that join vectors make one.
    for (const next = from + 64; from < next; from += 16) {
      const pair0 = v128.load32_splat(from), pair1 = v128.load32_splat(from, 4), pair2 = v128.load32_splat(from, 8), pair3 = v128.load32_splat(from, 12);
      rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(v128.load8x8_s(integers), pair0));
      rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(v128.load8x8_s(integers, 8), pair0));
      rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(v128.load8x8_s(integers, 16), pair1));
      rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(v128.load8x8_s(integers, 24), pair1));
      rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(v128.load8x8_s(integers, 32), pair2));
      rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(v128.load8x8_s(integers, 40), pair2));
      rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(v128.load8x8_s(integers, 48), pair3));
      rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(v128.load8x8_s(integers, 56), pair3));
      far0 = i32x4.add(far0, i32x4.dot_i16x8_s(v128.load8x8_s(far), pair0));
      far4 = i32x4.add(far4, i32x4.dot_i16x8_s(v128.load8x8_s(far, 8), pair0));
      far0 = i32x4.add(far0, i32x4.dot_i16x8_s(v128.load8x8_s(far, 16), pair1));
      far4 = i32x4.add(far4, i32x4.dot_i16x8_s(v128.load8x8_s(far, 24), pair1));
      far0 = i32x4.add(far0, i32x4.dot_i16x8_s(v128.load8x8_s(far, 32), pair2));
      far4 = i32x4.add(far4, i32x4.dot_i16x8_s(v128.load8x8_s(far, 40), pair2));
      far0 = i32x4.add(far0, i32x4.dot_i16x8_s(v128.load8x8_s(far, 48), pair3));
      far4 = i32x4.add(far4, i32x4.dot_i16x8_s(v128.load8x8_s(far, 56), pair3));
      integers += 64;
      far += 64;
    }
    const own = v128.load32_splat(scale), there = v + away;
    low = fma(f32x4.convert_i32x4_s(rows0), f32x4.mul(own, loadMovedMagnitudes(v)), low);
    high = fma(f32x4.convert_i32x4_s(rows4), f32x4.mul(own, loadMovedMagnitudes(v + 8)), high);
    farLow = fma(f32x4.convert_i32x4_s(far0), f32x4.mul(own, loadMovedMagnitudes(there)), farLow);
    farHigh = fma(f32x4.convert_i32x4_s(far4), f32x4.mul(own, loadMovedMagnitudes(there + 8)), farHigh);
    v += BLOCK_BYTES;
    scale += 4;
  }
  // Scales of weights lacked 2^112, of which those of activations have one root.
  const root = halfBiasRoot();
  v128.store(to, f32x4.mul(low, root));
  v128.store(to, f32x4.mul(high, root), 16);
  v128.store(to, f32x4.mul(farLow, root), 32);
  v128.store(to, f32x4.mul(farHigh, root), 48);
}

/** C[m, n] (+)= x row m · w row n, x as `roundRows` left it. Units: panels of 8 rows of w. */
export function multiplyQ8(
  x: usize, scales: usize, w: usize, c: usize, rowStride: usize, rowCount: i32, columnCount: i32, innerSize: i32, accumulate: bool,
  begin: i32, end: i32,
): void {
  const blocks = <usize>((innerSize + 31) >> 5);
  const sums = threadScratch();
  // Two streams of memory are faster than one: the first half of the panels beside the second. Where their number is odd, the
  // middle one stands beside the last once more, whose sums nobody stores.
  const half = (end - begin + 1) >> 1;
  for (let panel = begin; panel < begin + half; panel++) {
    const other = min(panel + half, end - 1);
    const weights = w + <usize>panel * blocks * BLOCK_BYTES, away = <usize>(other - panel) * blocks * BLOCK_BYTES;
    for (let row = 0; row < rowCount; row++) {
      const from = x + ((<usize>row * blocks) << 6);
      sumPanelsQ8(weights, away, from, from + (blocks << 6), scales + ((<usize>row * blocks) << 2), sums);
      storePanel(c, rowStride, row, panel, columnCount, v128.load(sums), v128.load(sums, 16), accumulate);
      if (panel + half < end) storePanel(c, rowStride, row, other, columnCount, v128.load(sums, 32), v128.load(sums, 48), accumulate);
    }
  }
}

/** Rows `first + unit` of w, or index[unit] where there is an index, as float32, row-major from `to` on. Units: rows. */
export function unpackQ8(w: usize, to: usize, columnCount: i32, first: i32, index: usize, begin: i32, end: i32): void {
  const blocks = (columnCount + 31) >> 5;
  for (let unit = begin; unit < end; unit++) {
    const row = index == 0 ? first + unit : load<i32>(index + (<usize>unit << 2));
    let out = to + ((<usize>unit * columnCount) << 2);
    for (let block = 0; block < blocks; block++) {
      const base = w + (<usize>(row >> 3) * blocks + block) * BLOCK_BYTES;
      const scale = loadScale(base, row & 7);
      const integers = base + SCALE_BYTES + ((<usize>(row & 7)) << 1);
      const count = min(32, columnCount - (block << 5));
      let column = 0;
      const factor = f32x4.splat(scale);
      for (; column <= count - 8; column += 8) {
        const from = integers + (<usize>column << 3);
        let pairs = v128.load32_zero(from);
        pairs = v128.load_lane<u16>(from, pairs, 1, 16);
        pairs = v128.load_lane<u16>(from, pairs, 2, 32);
        pairs = v128.load_lane<u16>(from, pairs, 3, 48);
        const whole = i16x8.extend_low_i8x16_s(pairs);
        v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(whole)), factor));
        v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(whole)), factor), 16);
        out += 32;
      }
      for (; column < count; column++) {
        f32.store(out, <f32>(<i32>load<i8>(integers + (<usize>(column >> 1) << 4) + (column & 1))) * scale);
        out += 4;
      }
    }
  }
}

/** Panels of `rowCount` float32 rows. Units: panels. */
export function packQ8(from: usize, rowCount: i32, columnCount: i32, to: usize, refused: usize, begin: i32, end: i32): void {
  const blocks = (columnCount + 31) >> 5;
  for (let panel = begin; panel < end; panel++) {
    for (let block = 0; block < blocks; block++) {
      const base = to + (<usize>panel * blocks + block) * BLOCK_BYTES;
      const count = min(32, columnCount - (block << 5));
      memory.fill(base, 0, BLOCK_BYTES);
      for (let row = 0; row < min(8, rowCount - (panel << 3)); row++) {
        const values = from + ((<usize>((panel << 3) + row) * columnCount + (block << 5)) << 2);
        const scale = storeScale(base, row, <f32>(<f64>abs(extremeOf(values, count)) / 127), refused);
        const integers = base + SCALE_BYTES + (<usize>row << 1);
        for (let column = 0; column < count; column++) {
          const integer = quantise(f32.load(values + (<usize>column << 2)), scale, -127, 127);
          store<i8>(integers + (<usize>(column >> 1) << 4) + (column & 1), <i8>integer);
        }
      }
    }
  }
}
