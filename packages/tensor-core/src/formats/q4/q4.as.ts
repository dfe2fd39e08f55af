// Products of rounded rows with 4-bit panels, exact in integers within a block, and panels back to float32 rows;
// AssemblyScript. Knows the layout of format.ts; integers are stored plus 8, which the sums of blocks take back.
import { dotBytes, fma, halfBiasRoot, nibbleOfBytes, nibbleOfHalves, threadScratch } from "../../backends/cpu/prelude.as";
import { extremeOf, loadScale, loadMovedScales, quantise, SCALE_BYTES, storeScale } from "../blocks.as";
import { storePanel } from "../panel.as";

const BLOCK_BYTES: usize = SCALE_BYTES + 128;

/**
 * Σ of eight rows at v times the row of integers from `from` to `last`: eight numbers at `to`. Exported, so that it stays a
 * function: within the loops of `multiplyQ4` engines keep their counters in registers and these pointers in memory.
 */
export function sumPanelQ4(v: usize, from: usize, last: usize, scale: usize, sum: usize, to: usize): void {
  let low = f32x4.splat(0), high = f32x4.splat(0);
  while (from < last) {
    const mask = nibbleOfHalves();
    let rows0 = i32x4.splat(-8 * i32.load(sum));
    let rows4 = rows0;
    // Nibble s of half p of a row's word is its column 2s + p; unrolled, since the engine does not.
    let x0 = v128.load32_splat(from), x1 = v128.load32_splat(from, 4), x2 = v128.load32_splat(from, 8), x3 = v128.load32_splat(from, 12);
    let v0 = v128.load(v, 16), v4 = v128.load(v, 32);
    rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(v128.and(v0, mask), x0));
    rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(v128.and(v4, mask), x0));
    rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(v0, 4), mask), x1));
    rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(v4, 4), mask), x1));
    rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(v0, 8), mask), x2));
    rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(v4, 8), mask), x2));
    rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(i16x8.shr_u(v0, 12), x3));
    rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(i16x8.shr_u(v4, 12), x3));
    x0 = v128.load32_splat(from, 16);
    x1 = v128.load32_splat(from, 20);
    x2 = v128.load32_splat(from, 24);
    x3 = v128.load32_splat(from, 28);
    v0 = v128.load(v, 48);
    v4 = v128.load(v, 64);
    rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(v128.and(v0, mask), x0));
    rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(v128.and(v4, mask), x0));
    rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(v0, 4), mask), x1));
    rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(v4, 4), mask), x1));
    rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(v0, 8), mask), x2));
    rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(v4, 8), mask), x2));
    rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(i16x8.shr_u(v0, 12), x3));
    rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(i16x8.shr_u(v4, 12), x3));
    x0 = v128.load32_splat(from, 32);
    x1 = v128.load32_splat(from, 36);
    x2 = v128.load32_splat(from, 40);
    x3 = v128.load32_splat(from, 44);
    v0 = v128.load(v, 80);
    v4 = v128.load(v, 96);
    rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(v128.and(v0, mask), x0));
    rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(v128.and(v4, mask), x0));
    rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(v0, 4), mask), x1));
    rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(v4, 4), mask), x1));
    rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(v0, 8), mask), x2));
    rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(v4, 8), mask), x2));
    rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(i16x8.shr_u(v0, 12), x3));
    rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(i16x8.shr_u(v4, 12), x3));
    x0 = v128.load32_splat(from, 48);
    x1 = v128.load32_splat(from, 52);
    x2 = v128.load32_splat(from, 56);
    x3 = v128.load32_splat(from, 60);
    v0 = v128.load(v, 112);
    v4 = v128.load(v, 128);
    rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(v128.and(v0, mask), x0));
    rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(v128.and(v4, mask), x0));
    rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(v0, 4), mask), x1));
    rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(v4, 4), mask), x1));
    rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(v0, 8), mask), x2));
    rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(v128.and(i16x8.shr_u(v4, 8), mask), x2));
    rows0 = i32x4.add(rows0, i32x4.dot_i16x8_s(i16x8.shr_u(v0, 12), x3));
    rows4 = i32x4.add(rows4, i32x4.dot_i16x8_s(i16x8.shr_u(v4, 12), x3));
    const own = v128.load32_splat(scale);
    low = fma(f32x4.convert_i32x4_s(rows0), f32x4.mul(own, loadMovedScales(v)), low);
    high = fma(f32x4.convert_i32x4_s(rows4), f32x4.mul(own, loadMovedScales(v + 8)), high);
    v += BLOCK_BYTES;
    from += 64;
    scale += 4;
    sum += 4;
  }
  // Scales of weights lacked 2^112, of which those of activations have one root.
  const root = halfBiasRoot();
  v128.store(to, f32x4.mul(low, root));
  v128.store(to, f32x4.mul(high, root), 16);
}

/** C[m, n] (+)= x row m · w row n, x as `roundRows` left it. Units: panels of 8 rows of w. */
export function multiplyQ4(
  x: usize, scales: usize, sums: usize, w: usize, c: usize, rowStride: usize, rowCount: i32, columnCount: i32, innerSize: i32,
  accumulate: bool, begin: i32, end: i32,
): void {
  const blocks = <usize>((innerSize + 31) >> 5);
  const own = threadScratch();
  for (let panel = begin; panel < end; panel++) {
    const weights = w + <usize>panel * blocks * BLOCK_BYTES;
    for (let row = 0; row < rowCount; row++) {
      const first = <usize>row * blocks;
      const from = x + (first << 6);
      sumPanelQ4(weights, from, from + (blocks << 6), scales + (first << 2), sums + (first << 2), own);
      storePanel(c, rowStride, row, panel, columnCount, v128.load(own), v128.load(own, 16), accumulate);
    }
  }
}

/**
 * `sumPanelQ4` of a row of signed bytes with two panels, `away` bytes apart, by dot products of bytes: sixteen numbers at
 * `to`; `sum` holds −8 times what blocks of the row add up to.
 */
export function sumPanelsNibbles(v: usize, away: usize, from: usize, last: usize, scale: usize, sum: usize, to: usize): void {
  let low = f32x4.splat(0), high = f32x4.splat(0), farLow = f32x4.splat(0), farHigh = f32x4.splat(0);
  while (from < last) {
    const mask = nibbleOfBytes();
    let rows0 = v128.load32_splat(sum), rows4 = rows0, far0 = rows0, far4 = rows0;
    let words = v + SCALE_BYTES, far = words + away;
    for (const next = from + 32; from < next; from += 8) {
      const even = v128.load32_splat(from), odd = v128.load32_splat(from, 4);
      let v0 = v128.load(words), v4 = v128.load(words, 16);
      rows0 = dotBytes(even, v128.and(v0, mask), rows0);
      rows4 = dotBytes(even, v128.and(v4, mask), rows4);
      rows0 = dotBytes(odd, v128.and(i16x8.shr_u(v0, 4), mask), rows0);
      rows4 = dotBytes(odd, v128.and(i16x8.shr_u(v4, 4), mask), rows4);
      v0 = v128.load(far);
      v4 = v128.load(far, 16);
      far0 = dotBytes(even, v128.and(v0, mask), far0);
      far4 = dotBytes(even, v128.and(v4, mask), far4);
      far0 = dotBytes(odd, v128.and(i16x8.shr_u(v0, 4), mask), far0);
      far4 = dotBytes(odd, v128.and(i16x8.shr_u(v4, 4), mask), far4);
      words += 32;
      far += 32;
    }
    const own = v128.load32_splat(scale), there = v + away;
    low = fma(f32x4.convert_i32x4_s(rows0), f32x4.mul(own, loadMovedScales(v)), low);
    high = fma(f32x4.convert_i32x4_s(rows4), f32x4.mul(own, loadMovedScales(v + 8)), high);
    farLow = fma(f32x4.convert_i32x4_s(far0), f32x4.mul(own, loadMovedScales(there)), farLow);
    farHigh = fma(f32x4.convert_i32x4_s(far4), f32x4.mul(own, loadMovedScales(there + 8)), farHigh);
    v += BLOCK_BYTES;
    scale += 4;
    sum += 4;
  }
  // Scales of weights lacked 2^112, of which those of activations have one root.
  const root = halfBiasRoot();
  v128.store(to, f32x4.mul(low, root));
  v128.store(to, f32x4.mul(high, root), 16);
  v128.store(to, f32x4.mul(farLow, root), 32);
  v128.store(to, f32x4.mul(farHigh, root), 48);
}

/** `multiplyQ4` for x as `roundBytes` left it; builds with relaxed SIMD only. Units: panels of 8 rows of w. */
export function multiplyNibbles(
  x: usize, scales: usize, sums: usize, w: usize, c: usize, rowStride: usize, rowCount: i32, columnCount: i32, innerSize: i32,
  accumulate: bool, begin: i32, end: i32,
): void {
  const blocks = <usize>((innerSize + 31) >> 5);
  const own = threadScratch();
  // Two streams of memory are faster than one: the first half of the panels beside the second. Where their number is odd, the
  // middle one stands beside the last once more, whose sums nobody stores.
  const half = (end - begin + 1) >> 1;
  for (let panel = begin; panel < begin + half; panel++) {
    const other = min(panel + half, end - 1);
    const away = <usize>(other - panel) * blocks * BLOCK_BYTES;
    const weights = w + <usize>panel * blocks * BLOCK_BYTES;
    for (let row = 0; row < rowCount; row++) {
      const first = <usize>row * blocks;
      const from = x + (first << 5);
      sumPanelsNibbles(weights, away, from, from + (blocks << 5), scales + (first << 2), sums + (first << 2), own);
      storePanel(c, rowStride, row, panel, columnCount, v128.load(own), v128.load(own, 16), accumulate);
      if (panel + half < end) {
        storePanel(c, rowStride, row, other, columnCount, v128.load(own, 32), v128.load(own, 48), accumulate);
      }
    }
  }
}

/** The columns 2s and 2s + 1 of four groups of eight, from the nibbles s of their words. */
@inline
function storePairs(out: usize, nibbles: v128, factor: v128): void {
  const whole = i16x8.sub(nibbles, i16x8.splat(8));
  const low = f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(whole)), factor);
  const high = f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(whole)), factor);
  v128.store64_lane(out, low, 0);
  v128.store64_lane(out, low, 1, 32);
  v128.store64_lane(out, high, 0, 64);
  v128.store64_lane(out, high, 1, 96);
}

/** Rows `first + unit` of w, or index[unit] where there is an index, as float32, row-major from `to` on. Units: rows. */
export function unpackQ4(w: usize, to: usize, columnCount: i32, first: i32, index: usize, begin: i32, end: i32): void {
  const blocks = (columnCount + 31) >> 5;
  for (let unit = begin; unit < end; unit++) {
    const row = index == 0 ? first + unit : load<i32>(index + (<usize>unit << 2));
    let out = to + ((<usize>unit * columnCount) << 2);
    for (let block = 0; block < blocks; block++) {
      const base = w + (<usize>(row >> 3) * blocks + block) * BLOCK_BYTES;
      const scale = loadScale(base, row & 7);
      const integers = base + SCALE_BYTES + ((<usize>(row & 7)) << 2);
      const count = min(32, columnCount - (block << 5));
      if (count == 32) {
        let words = v128.load32_zero(integers);
        words = v128.load_lane<u32>(integers, words, 1, 32);
        words = v128.load_lane<u32>(integers, words, 2, 64);
        words = v128.load_lane<u32>(integers, words, 3, 96);
        const mask = i16x8.splat(15);
        const factor = f32x4.splat(scale);
        storePairs(out, v128.and(words, mask), factor);
        storePairs(out + 8, v128.and(i16x8.shr_u(words, 4), mask), factor);
        storePairs(out + 16, v128.and(i16x8.shr_u(words, 8), mask), factor);
        storePairs(out + 24, i16x8.shr_u(words, 12), factor);
        out += 128;
        continue;
      }
      for (let column = 0; column < count; column++) {
        const word = load<u32>(integers + (<usize>(column >> 3) << 5));
        const shift = ((column & 1) << 4) + (((column & 7) >> 1) << 2);
        f32.store(out, <f32>(<i32>(word >> shift & 15) - 8) * scale);
        out += 4;
      }
    }
  }
}

/** Panels of `rowCount` float32 rows. Units: panels. */
export function packQ4(from: usize, rowCount: i32, columnCount: i32, to: usize, refused: usize, begin: i32, end: i32): void {
  const blocks = (columnCount + 31) >> 5;
  for (let panel = begin; panel < end; panel++) {
    for (let block = 0; block < blocks; block++) {
      const base = to + (<usize>panel * blocks + block) * BLOCK_BYTES;
      const count = min(32, columnCount - (block << 5));
      memory.fill(base, 0, SCALE_BYTES);
      // Every nibble 8, which stands for 0.
      memory.fill(base + SCALE_BYTES, 0x88, BLOCK_BYTES - SCALE_BYTES);
      for (let row = 0; row < min(8, rowCount - (panel << 3)); row++) {
        const values = from + ((<usize>((panel << 3) + row) * columnCount + (block << 5)) << 2);
        const scale = storeScale(base, row, <f32>(<f64>extremeOf(values, count) / -8), refused);
        for (let column = 0; column < count; column++) {
          const integer = quantise(f32.load(values + (<usize>column << 2)), scale, -8, 7);
          const word = base + SCALE_BYTES + (<usize>(column >> 3) << 5) + (<usize>row << 2);
          const shift = ((column & 1) << 4) + (((column & 7) >> 1) << 2);
          store<u32>(word, load<u32>(word) & ~(<u32>15 << shift) | <u32>(integer + 8) << shift);
        }
      }
    }
  }
}
