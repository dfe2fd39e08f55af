// Products of few float32 rows with panels of 16-bit floats, and panels back to float32 rows; AssemblyScript. A word holds
// an even column in its lower half and the next in its upper; the two formats differ in how a half is widened.
import { fma, HALF_BIAS, HALF_BIAS_ROOT, movedHalves, upperHalves } from "../../backends/cpu/prelude.as";
import { storePanel } from "../panel.as";

/** The upper halves of four words as float32, those of binary16 smaller by 2^112, also below its normal range. */
@inline
function upperMoved(words: v128, ieee: bool): v128 {
  return ieee ? v128.and(i32x4.shr_s(words, 3), movedHalves()) : v128.and(words, upperHalves());
}

@inline
function lowerMoved(words: v128, ieee: bool): v128 {
  const moved = i32x4.shl(words, 16);
  return ieee ? upperMoved(moved, true) : moved;
}

/** The upper halves of four words as float32. */
@inline
function upper(words: v128, ieee: bool): v128 {
  const moved = upperMoved(words, ieee);
  return ieee ? f32x4.mul(moved, f32x4.splat(HALF_BIAS)) : moved;
}

@inline
function lower(words: v128, ieee: bool): v128 {
  const moved = lowerMoved(words, ieee);
  return ieee ? f32x4.mul(moved, f32x4.splat(HALF_BIAS)) : moved;
}

@inline
function multiplyHalves(
  ieee: bool, x: usize, w: usize, c: usize, rowStride: usize, rowCount: i32, columnCount: i32, innerSize: i32, accumulate: bool, begin: i32, end: i32,
): void {
  const pairs = (innerSize + 1) >> 1;
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
        a0 = fma(lowerMoved(word, ieee), even, a0);
        a1 = fma(upperMoved(word, ieee), odd, a1);
        word = v128.load(v, 16);
        a2 = fma(lowerMoved(word, ieee), even, a2);
        a3 = fma(upperMoved(word, ieee), odd, a3);
        even = v128.load32_splat(from, 8);
        odd = v128.load32_splat(from, 12);
        word = v128.load(v, 32);
        a4 = fma(lowerMoved(word, ieee), even, a4);
        a5 = fma(upperMoved(word, ieee), odd, a5);
        word = v128.load(v, 48);
        a6 = fma(lowerMoved(word, ieee), even, a6);
        a7 = fma(upperMoved(word, ieee), odd, a7);
        from += 16;
        v += 64;
      }
      for (; k < innerSize; k += 2) {
        const even = v128.load32_splat(from);
        a0 = fma(lowerMoved(v128.load(v), ieee), even, a0);
        a2 = fma(lowerMoved(v128.load(v, 16), ieee), even, a2);
        if (k + 1 < innerSize) {
          const odd = v128.load32_splat(from, 4);
          a1 = fma(upperMoved(v128.load(v), ieee), odd, a1);
          a3 = fma(upperMoved(v128.load(v, 16), ieee), odd, a3);
        }
        from += 8;
        v += 32;
      }
      let low = f32x4.add(f32x4.add(a0, a1), f32x4.add(a4, a5));
      let high = f32x4.add(f32x4.add(a2, a3), f32x4.add(a6, a7));
      if (ieee) {
        // x comes with one root of the bias; the sums lack the other.
        low = f32x4.mul(low, f32x4.splat(HALF_BIAS_ROOT));
        high = f32x4.mul(high, f32x4.splat(HALF_BIAS_ROOT));
      }
      storePanel(c, rowStride, row, panel, columnCount, low, high, accumulate);
    }
  }
}

/** C[m, n] (+)= x row m · w row n, w in bfloat16. Units: panels of 8 rows of w, read once for all rows of x. */
export function multiplyBf16(
  x: usize, w: usize, c: usize, rowStride: usize, rowCount: i32, columnCount: i32, innerSize: i32, accumulate: bool, begin: i32, end: i32,
): void {
  multiplyHalves(false, x, w, c, rowStride, rowCount, columnCount, innerSize, accumulate, begin, end);
}

/** The same with w in IEEE binary16, and x given 2^56 times as large. */
export function multiplyF16(
  x: usize, w: usize, c: usize, rowStride: usize, rowCount: i32, columnCount: i32, innerSize: i32, accumulate: bool, begin: i32, end: i32,
): void {
  multiplyHalves(true, x, w, c, rowStride, rowCount, columnCount, innerSize, accumulate, begin, end);
}

@inline
function unpackHalves(ieee: bool, w: usize, to: usize, columnCount: i32, first: i32, index: usize, begin: i32, end: i32): void {
  const pairs = (columnCount + 1) >> 1;
  for (let unit = begin; unit < end; unit++) {
    const row = index == 0 ? first + unit : load<i32>(index + (<usize>unit << 2));
    let from = w + ((<usize>(row >> 3) * pairs) << 5) + ((<usize>(row & 7)) << 2);
    let out = to + ((<usize>unit * columnCount) << 2);
    let column = 0;
    for (; column <= columnCount - 8; column += 8) {
      let words = v128.load32_zero(from);
      words = v128.load_lane<u32>(from, words, 1, 32);
      words = v128.load_lane<u32>(from, words, 2, 64);
      words = v128.load_lane<u32>(from, words, 3, 96);
      const low = lower(words, ieee), high = upper(words, ieee);
      v128.store(out, v128.shuffle<f32>(low, high, 0, 4, 1, 5));
      v128.store(out, v128.shuffle<f32>(low, high, 2, 6, 3, 7), 16);
      from += 128;
      out += 32;
    }
    for (; column < columnCount; column += 2) {
      const words = v128.load32_zero(from);
      f32.store(out, f32x4.extract_lane(lower(words, ieee), 0));
      if (column + 1 < columnCount) f32.store(out, f32x4.extract_lane(upper(words, ieee), 0), 4);
      from += 32;
      out += 8;
    }
  }
}

/** Rows `first + unit` of w, or index[unit] where there is an index, as float32, row-major from `to` on. Units: rows. */
export function unpackBf16(w: usize, to: usize, columnCount: i32, first: i32, index: usize, begin: i32, end: i32): void {
  unpackHalves(false, w, to, columnCount, first, index, begin, end);
}

/** The same with w in IEEE binary16. */
export function unpackF16(w: usize, to: usize, columnCount: i32, first: i32, index: usize, begin: i32, end: i32): void {
  unpackHalves(true, w, to, columnCount, first, index, begin, end);
}

@inline
function narrowBf16(bits: u32): u32 {
  return (bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40 : bits + 0x7fff + (bits >> 16 & 1) >> 16;
}

/** As f16/format.ts rounds, with the same cases. */
@inline
function narrowF16(bits: u32, refused: usize): u32 {
  const sign = bits >> 16 & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x477ff000) {
    store<i32>(refused, 1);
    return sign;
  }
  if (magnitude >= 0x38800000) return sign | magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1) >> 13;
  if (magnitude <= 0x33000000) return sign;
  const shift = 126 - (magnitude >> 23);
  const fraction = magnitude & 0x7fffff | 0x800000;
  const half = fraction >> shift;
  const rest = fraction & (1 << shift) - 1;
  const middle = <u32>1 << (shift - 1);
  return sign | (rest > middle || (rest == middle && (half & 1) == 1) ? half + 1 : half);
}

@inline
function packHalves(ieee: bool, from: usize, rowCount: i32, columnCount: i32, to: usize, refused: usize, begin: i32, end: i32): void {
  const pairs = (columnCount + 1) >> 1;
  for (let panel = begin; panel < end; panel++) {
    const base = to + ((<usize>panel * pairs) << 5);
    const rows = min(8, rowCount - (panel << 3));
    if (rows < 8) memory.fill(base, 0, <usize>pairs << 5);
    for (let row = 0; row < rows; row++) {
      let value = from + ((<usize>((panel << 3) + row) * columnCount) << 2);
      let out = base + (<usize>row << 2);
      for (let column = 0; column < columnCount; column += 2) {
        const low = load<u32>(value);
        let word = ieee ? narrowF16(low, refused) : narrowBf16(low);
        if (column + 1 < columnCount) {
          const high = load<u32>(value, 4);
          word |= (ieee ? narrowF16(high, refused) : narrowBf16(high)) << 16;
        }
        store<u32>(out, word);
        value += 8;
        out += 32;
      }
    }
  }
}

/** Panels of `rowCount` float32 rows. Units: panels. */
export function packBf16(from: usize, rowCount: i32, columnCount: i32, to: usize, refused: usize, begin: i32, end: i32): void {
  packHalves(false, from, rowCount, columnCount, to, refused, begin, end);
}

/** The same to IEEE binary16; `refused` becomes 1 where a value has no place there. */
export function packF16(from: usize, rowCount: i32, columnCount: i32, to: usize, refused: usize, begin: i32, end: i32): void {
  packHalves(true, from, rowCount, columnCount, to, refused, begin, end);
}
