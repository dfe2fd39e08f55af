// Products of rounded rows with 8-bit panels, exact in integers within a block, and panels back to float32 rows;
// AssemblyScript. Knows the layout of format.ts.
import { fma } from "../../backends/cpu/prelude.as";
import { extremeOf, quantise } from "../blocks.as";
import { storePanel } from "../panel.as";

const BLOCK_BYTES: usize = 288;

/** C[m, n] (+)= x row m · w row n, x as `roundRows` left it. Units: panels of 8 rows of w. */
export function multiplyQ8(
  x: usize, scales: usize, w: usize, c: usize, rowStride: usize, rowCount: i32, columnCount: i32, innerSize: i32, accumulate: bool,
  begin: i32, end: i32,
): void {
  const blocks = <usize>((innerSize + 31) >> 5);
  for (let panel = begin; panel < end; panel++) {
    const weights = w + <usize>panel * blocks * BLOCK_BYTES;
    for (let row = 0; row < rowCount; row++) {
      let v = weights;
      let from = x + ((<usize>row * blocks) << 6);
      let scale = scales + ((<usize>row * blocks) << 2);
      const last = from + (blocks << 6);
      let low = f32x4.splat(0), high = f32x4.splat(0);
      while (from < last) {
        let s0 = i32x4.splat(0), s1 = i32x4.splat(0), s2 = i32x4.splat(0), s3 = i32x4.splat(0);
        // Four columns of eight rows a step; unrolled, since the engine does not.
        let four = v128.load64_splat(from);
        s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load8x8_s(v, 32), four));
        s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v128.load8x8_s(v, 40), four));
        s2 = i32x4.add(s2, i32x4.dot_i16x8_s(v128.load8x8_s(v, 48), four));
        s3 = i32x4.add(s3, i32x4.dot_i16x8_s(v128.load8x8_s(v, 56), four));
        four = v128.load64_splat(from, 8);
        s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load8x8_s(v, 64), four));
        s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v128.load8x8_s(v, 72), four));
        s2 = i32x4.add(s2, i32x4.dot_i16x8_s(v128.load8x8_s(v, 80), four));
        s3 = i32x4.add(s3, i32x4.dot_i16x8_s(v128.load8x8_s(v, 88), four));
        four = v128.load64_splat(from, 16);
        s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load8x8_s(v, 96), four));
        s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v128.load8x8_s(v, 104), four));
        s2 = i32x4.add(s2, i32x4.dot_i16x8_s(v128.load8x8_s(v, 112), four));
        s3 = i32x4.add(s3, i32x4.dot_i16x8_s(v128.load8x8_s(v, 120), four));
        four = v128.load64_splat(from, 24);
        s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load8x8_s(v, 128), four));
        s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v128.load8x8_s(v, 136), four));
        s2 = i32x4.add(s2, i32x4.dot_i16x8_s(v128.load8x8_s(v, 144), four));
        s3 = i32x4.add(s3, i32x4.dot_i16x8_s(v128.load8x8_s(v, 152), four));
        four = v128.load64_splat(from, 32);
        s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load8x8_s(v, 160), four));
        s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v128.load8x8_s(v, 168), four));
        s2 = i32x4.add(s2, i32x4.dot_i16x8_s(v128.load8x8_s(v, 176), four));
        s3 = i32x4.add(s3, i32x4.dot_i16x8_s(v128.load8x8_s(v, 184), four));
        four = v128.load64_splat(from, 40);
        s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load8x8_s(v, 192), four));
        s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v128.load8x8_s(v, 200), four));
        s2 = i32x4.add(s2, i32x4.dot_i16x8_s(v128.load8x8_s(v, 208), four));
        s3 = i32x4.add(s3, i32x4.dot_i16x8_s(v128.load8x8_s(v, 216), four));
        four = v128.load64_splat(from, 48);
        s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load8x8_s(v, 224), four));
        s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v128.load8x8_s(v, 232), four));
        s2 = i32x4.add(s2, i32x4.dot_i16x8_s(v128.load8x8_s(v, 240), four));
        s3 = i32x4.add(s3, i32x4.dot_i16x8_s(v128.load8x8_s(v, 248), four));
        four = v128.load64_splat(from, 56);
        s0 = i32x4.add(s0, i32x4.dot_i16x8_s(v128.load8x8_s(v, 256), four));
        s1 = i32x4.add(s1, i32x4.dot_i16x8_s(v128.load8x8_s(v, 264), four));
        s2 = i32x4.add(s2, i32x4.dot_i16x8_s(v128.load8x8_s(v, 272), four));
        s3 = i32x4.add(s3, i32x4.dot_i16x8_s(v128.load8x8_s(v, 280), four));
        // Each row has two partial sums side by side.
        const rows0 = i32x4.add(v128.shuffle<i32>(s0, s1, 0, 2, 4, 6), v128.shuffle<i32>(s0, s1, 1, 3, 5, 7));
        const rows4 = i32x4.add(v128.shuffle<i32>(s2, s3, 0, 2, 4, 6), v128.shuffle<i32>(s2, s3, 1, 3, 5, 7));
        const own = v128.load32_splat(scale);
        low = fma(f32x4.convert_i32x4_s(rows0), f32x4.mul(own, v128.load(v)), low);
        high = fma(f32x4.convert_i32x4_s(rows4), f32x4.mul(own, v128.load(v, 16)), high);
        v += BLOCK_BYTES;
        from += 64;
        scale += 4;
      }
      storePanel(c, rowStride, row, panel, columnCount, low, high, accumulate);
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
      const scale = f32.load(base + ((<usize>(row & 7)) << 2));
      const integers = base + 32 + ((<usize>(row & 7)) << 2);
      const count = min(32, columnCount - (block << 5));
      let column = 0;
      const factor = f32x4.splat(scale);
      for (; column <= count - 16; column += 16) {
        const from = integers + (<usize>column << 3);
        let bytes = v128.load32_zero(from);
        bytes = v128.load_lane<u32>(from, bytes, 1, 32);
        bytes = v128.load_lane<u32>(from, bytes, 2, 64);
        bytes = v128.load_lane<u32>(from, bytes, 3, 96);
        const low = i16x8.extend_low_i8x16_s(bytes), high = i16x8.extend_high_i8x16_s(bytes);
        v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low)), factor));
        v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low)), factor), 16);
        v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high)), factor), 32);
        v128.store(out, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high)), factor), 48);
        out += 64;
      }
      for (; column < count; column++) {
        f32.store(out, <f32>(<i32>load<i8>(integers + (<usize>(column >> 2) << 5) + (column & 3))) * scale);
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
        const scale = <f32>(<f64>abs(extremeOf(values, count)) / 127);
        f32.store(base + (<usize>row << 2), scale);
        const integers = base + 32 + (<usize>row << 2);
        for (let column = 0; column < count; column++) {
          const integer = quantise(f32.load(values + (<usize>column << 2)), scale, -127, 127);
          store<i8>(integers + (<usize>(column >> 2) << 5) + (column & 3), <i8>integer);
        }
      }
    }
  }
}
