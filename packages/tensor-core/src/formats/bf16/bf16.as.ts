// Products of few float32 rows with bfloat16 panels, and panels back to float32 rows; AssemblyScript. A word holds an even
// column in its lower half and the next in its upper: widening is a shift and a mask.
import { fma } from "../../backends/cpu/prelude.as";
import { storePanel } from "../panel.as";

/** C[m, n] (+)= x row m · w row n. Units: panels of 8 rows of w, read once for all rows of x. */
export function multiplyBf16(
  x: usize, w: usize, c: usize, rowStride: usize, rowCount: i32, columnCount: i32, innerSize: i32, accumulate: bool, begin: i32, end: i32,
): void {
  const pairs = (innerSize + 1) >> 1;
  const mask = i32x4.splat(0xffff0000);
  for (let panel = begin; panel < end; panel++) {
    const weights = w + ((<usize>panel * pairs) << 5);
    for (let row = 0; row < rowCount; row++) {
      let from = x + ((<usize>row * innerSize) << 2);
      let v = weights;
      let a0 = f32x4.splat(0), a1 = f32x4.splat(0), a2 = f32x4.splat(0), a3 = f32x4.splat(0);
      let a4 = f32x4.splat(0), a5 = f32x4.splat(0), a6 = f32x4.splat(0), a7 = f32x4.splat(0);
      let k = 0;
      for (; k <= innerSize - 4; k += 4) {
        let even = v128.load32_splat(from), odd = v128.load32_splat(from, 4);
        let word = v128.load(v);
        a0 = fma(i32x4.shl(word, 16), even, a0);
        a1 = fma(v128.and(word, mask), odd, a1);
        word = v128.load(v, 16);
        a2 = fma(i32x4.shl(word, 16), even, a2);
        a3 = fma(v128.and(word, mask), odd, a3);
        even = v128.load32_splat(from, 8);
        odd = v128.load32_splat(from, 12);
        word = v128.load(v, 32);
        a4 = fma(i32x4.shl(word, 16), even, a4);
        a5 = fma(v128.and(word, mask), odd, a5);
        word = v128.load(v, 48);
        a6 = fma(i32x4.shl(word, 16), even, a6);
        a7 = fma(v128.and(word, mask), odd, a7);
        from += 16;
        v += 64;
      }
      for (; k < innerSize; k += 2) {
        const even = v128.load32_splat(from);
        a0 = fma(i32x4.shl(v128.load(v), 16), even, a0);
        a2 = fma(i32x4.shl(v128.load(v, 16), 16), even, a2);
        if (k + 1 < innerSize) {
          const odd = v128.load32_splat(from, 4);
          a1 = fma(v128.and(v128.load(v), mask), odd, a1);
          a3 = fma(v128.and(v128.load(v, 16), mask), odd, a3);
        }
        from += 8;
        v += 32;
      }
      const low = f32x4.add(f32x4.add(a0, a1), f32x4.add(a4, a5));
      const high = f32x4.add(f32x4.add(a2, a3), f32x4.add(a6, a7));
      storePanel(c, rowStride, row, panel, columnCount, low, high, accumulate);
    }
  }
}

/** Rows `first + unit` of w, or index[unit] where there is an index, as float32, row-major from `to` on. Units: rows. */
export function unpackBf16(w: usize, to: usize, columnCount: i32, first: i32, index: usize, begin: i32, end: i32): void {
  const pairs = (columnCount + 1) >> 1;
  for (let unit = begin; unit < end; unit++) {
    const row = index == 0 ? first + unit : load<i32>(index + (<usize>unit << 2));
    let from = w + ((<usize>(row >> 3) * pairs) << 5) + ((<usize>(row & 7)) << 2);
    let out = to + ((<usize>unit * columnCount) << 2);
    let column = 0;
    for (; column <= columnCount - 2; column += 2) {
      const word = load<u32>(from);
      store<u32>(out, word << 16);
      store<u32>(out, word & 0xffff0000, 4);
      from += 32;
      out += 8;
    }
    if (column < columnCount) store<u32>(out, load<u32>(from) << 16);
  }
}
