// Rows of activations rounded to integers for products with integer weights; AssemblyScript. They keep 15 bits, with
// which products with 8-bit weights stay exact in 32; for dots of bytes 14, in two bytes of seven, or 8 in one.
import { HALF_BIAS_ROOT, loadPartial, roundingNumber, storeTransposed, threadScratch } from "../../backends/cpu/prelude.as";

const BLOCK: i32 = 32;
/** The largest integer in two parts of seven bits. */
const MOST: f32 = 8191;
/** Added, it makes integers positive: seven bits above, seven below. */
const OFFSET: i32 = 8192;
/** The largest integer of a signed byte. */
const MOST_OF_BYTE: f32 = 127;
const TILE_ROWS: i32 = 4;

/**
 * Four whole numbers nearest to values of at most 2²² in magnitude, halves to even: 1.5·2²³ leaves a sum no bits behind the
 * point, and its own bits are those of a whole number. Saturating conversions take four times as long.
 */
@inline
function wholeOf(values: v128): v128 {
  const far = roundingNumber();
  return i32x4.sub(f32x4.add(values, far), far);
}

/** A block of x as 32 integers up to `largest`, 16 bits each, at `to`, zeros behind its `count` columns; returns its scale. */
@inline
function roundBlock(from: usize, count: i32, largest: f32, to: usize): f32 {
  // Magnitudes compare as their bits do, what is no number above all; the maximum of floats takes eight instructions.
  let highest = i32x4.splat(0);
  let k = 0;
  for (; k <= count - 4; k += 4) highest = i32x4.max_s(highest, f32x4.abs(v128.load(from + (<usize>k << 2))));
  if (k < count) highest = i32x4.max_s(highest, f32x4.abs(loadPartial(from + (<usize>k << 2), count - k)));
  highest = i32x4.max_s(highest, v128.shuffle<i32>(highest, highest, 2, 3, 0, 1));
  highest = i32x4.max_s(highest, v128.shuffle<i32>(highest, highest, 1, 0, 3, 2));
  const most = f32x4.extract_lane(highest, 0);
  // Below the normal range the quotient would overflow: such a block is zero for every purpose.
  const inverse = f32x4.splat(most > 1e-33 ? largest / most : 0);
  for (k = 0; k <= count - 8; k += 8) {
    const at = from + (<usize>k << 2);
    const low = wholeOf(f32x4.mul(v128.load(at), inverse)), high = wholeOf(f32x4.mul(v128.load(at, 16), inverse));
    v128.store(to + (<usize>k << 1), i16x8.narrow_i32x4_s(low, high));
  }
  for (; k < BLOCK; k += 4) {
    const left = count - k;
    const value = left >= 4 ? v128.load(from + (<usize>k << 2)) : left > 0 ? loadPartial(from + (<usize>k << 2), left) : f32x4.splat(0);
    const whole = wholeOf(f32x4.mul(value, inverse));
    v128.store64_lane(to + (<usize>k << 1), i16x8.narrow_i32x4_s(whole, whole), 0);
  }
  // What is not finite has no integers: a scale that is no number says so.
  return most < Infinity ? most / largest : NaN;
}

/** Σ of the 32 integers of a block. */
@inline
function sumOfBlock(block: usize): i32 {
  const ones = i16x8.splat(1);
  const low = i32x4.add(i32x4.dot_i16x8_s(v128.load(block), ones), i32x4.dot_i16x8_s(v128.load(block, 16), ones));
  const high = i32x4.add(i32x4.dot_i16x8_s(v128.load(block, 32), ones), i32x4.dot_i16x8_s(v128.load(block, 48), ones));
  const sum = i32x4.add(low, high);
  return i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1) + i32x4.extract_lane(sum, 2) + i32x4.extract_lane(sum, 3);
}

/**
 * Rows of x as 16-bit integers up to `largest` in blocks of 32 with one scale each, larger by 2^56, and the sum of each
 * block's integers. to [rows][blocks][32] i16, scales [rows][blocks] f32, sums [rows][blocks] i32; x's last block is filled up with zeros.
 * Units: rows.
 */
export function roundRows(
  x: usize, innerSize: i32, largest: f32, to: usize, scales: usize, sums: usize, begin: i32, end: i32,
): void {
  const blocks = (innerSize + BLOCK - 1) / BLOCK;
  for (let row = begin; row < end; row++) {
    for (let block = 0; block < blocks; block++) {
      const from = x + ((<usize>row * innerSize + <usize>block * BLOCK) << 2);
      const index = <usize>row * blocks + block;
      const out = to + (index << 6);
      f32.store(scales + (index << 2), roundBlock(from, min(BLOCK, innerSize - block * BLOCK), largest, out) * HALF_BIAS_ROOT);
      i32.store(sums + (index << 2), sumOfBlock(out));
    }
  }
}

/** Sixteen bytes in the order in which 4-bit weights come out of their words: of each eight, 0, 4, 1, 5, 2, 6, 3, 7. */
@inline
function inNibbleOrder(bytes: v128): v128 {
  return i8x16.shuffle(bytes, bytes, 0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15);
}

/** Sixteen columns of a row at `held` in two parts: the seven bits above, and those below. */
@inline
function aboveOf(held: usize): v128 {
  const offset = i16x8.splat(<i16>OFFSET);
  const a = i16x8.add(v128.load(held), offset), b = i16x8.add(v128.load(held, 16), offset);
  return i8x16.narrow_i16x8_u(i16x8.shr_u(a, 7), i16x8.shr_u(b, 7));
}

@inline
function belowOf(held: usize): v128 {
  const low7 = i16x8.splat(127);
  return i8x16.narrow_i16x8_u(v128.and(v128.load(held), low7), v128.and(v128.load(held, 16), low7));
}

/** Sixteen columns of a row at `held`, none beyond a byte, in the order of nibbles. */
@inline
function nibbleBytesOf(held: usize): v128 {
  return inNibbleOrder(i8x16.narrow_i16x8_s(v128.load(held), v128.load(held, 16)));
}

/** A block of one row of a tile, as `roundBlock`; behind the last row zeros. */
@inline
function roundLine(
  x: usize, tile: i32, line: i32, rowCount: i32, innerSize: i32, block: i32, largest: f32, to: usize,
): f32 {
  const row = tile * TILE_ROWS + line;
  const from = x + ((<usize>row * innerSize + <usize>block * BLOCK) << 2);
  return row < rowCount ? roundBlock(from, min(BLOCK, innerSize - block * BLOCK), largest, to) : 0;
}

/**
 * Rows of x in tiles of four for `multiplyTilesQ8`: integers plus 8192 in two parts of seven bits, the higher one first.
 * to [tiles][blocks][2 parts][8 groups][4 rows][4 columns] u8, scales [tiles][blocks][4 rows] f32; rows that fill up the
 * last tile have scale 0. Units: tiles.
 */
export function roundTilesInParts(
  x: usize, rowCount: i32, innerSize: i32, to: usize, scales: usize, begin: i32, end: i32,
): void {
  const blocks = (innerSize + BLOCK - 1) / BLOCK;
  const held = threadScratch();
  for (let tile = begin; tile < end; tile++) {
    for (let block = 0; block < blocks; block++) {
      const index = <usize>tile * blocks + block;
      for (let line = 0; line < TILE_ROWS; line++) {
        const scale = roundLine(x, tile, line, rowCount, innerSize, block, MOST, held + (<usize>line << 6));
        f32.store(scales + (((index << 2) + line) << 2), scale);
      }
      let out = to + (index << 8);
      for (let half = held; half < held + 64; half += 32) {
        storeTransposed(out, 16, aboveOf(half), aboveOf(half + 64), aboveOf(half + 128), aboveOf(half + 192));
        storeTransposed(out + 128, 16, belowOf(half), belowOf(half + 64), belowOf(half + 128), belowOf(half + 192));
        out += 64;
      }
    }
  }
}

/** Four lanes, each the larger or the sum of one of four vectors' lanes. */
@inline
function lanesOfFour(isSum: bool, a: v128, b: v128, c: v128, d: v128): v128 {
  const a0 = v128.shuffle<i32>(a, b, 0, 1, 4, 5), a1 = v128.shuffle<i32>(a, b, 2, 3, 6, 7);
  const c0 = v128.shuffle<i32>(c, d, 0, 1, 4, 5), c1 = v128.shuffle<i32>(c, d, 2, 3, 6, 7);
  const ab = isSum ? i32x4.add(a0, a1) : i32x4.max_s(a0, a1), cd = isSum ? i32x4.add(c0, c1) : i32x4.max_s(c0, c1);
  const even = v128.shuffle<i32>(ab, cd, 0, 2, 4, 6), odd = v128.shuffle<i32>(ab, cd, 1, 3, 5, 7);
  return isSum ? i32x4.add(even, odd) : i32x4.max_s(even, odd);
}

/** The largest magnitude of each four columns of a whole block, as its bits. */
@inline
function mostOfBlock(x: usize): v128 {
  let even = f32x4.abs(v128.load(x)), odd = f32x4.abs(v128.load(x, 16));
  even = i32x4.max_s(even, f32x4.abs(v128.load(x, 32)));
  odd = i32x4.max_s(odd, f32x4.abs(v128.load(x, 48)));
  even = i32x4.max_s(even, f32x4.abs(v128.load(x, 64)));
  odd = i32x4.max_s(odd, f32x4.abs(v128.load(x, 80)));
  even = i32x4.max_s(even, f32x4.abs(v128.load(x, 96)));
  odd = i32x4.max_s(odd, f32x4.abs(v128.load(x, 112)));
  return i32x4.max_s(even, odd);
}

/** Sixteen columns times `inverse`, as bytes. */
@inline
function bytesOf(x: usize, inverse: v128): v128 {
  const a = wholeOf(f32x4.mul(v128.load(x), inverse)), b = wholeOf(f32x4.mul(v128.load(x, 16), inverse));
  const c = wholeOf(f32x4.mul(v128.load(x, 32), inverse)), d = wholeOf(f32x4.mul(v128.load(x, 48), inverse));
  return i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}

/** Σ of each eight of 32 bytes. */
@inline
function sumsOfBytes(a: v128, b: v128): v128 {
  return i32x4.extadd_pairwise_i16x8_s(i16x8.add(i16x8.extadd_pairwise_i8x16_s(a), i16x8.extadd_pairwise_i8x16_s(b)));
}

/** A whole block of four rows from x on, in the numbers of `roundBlock`: two divisions for all. */
function roundTile(x: usize, rowBytes: usize, to: usize, scales: usize, sums: usize): void {
  const row1 = x + rowBytes, row2 = row1 + rowBytes, row3 = row2 + rowBytes;
  const most = lanesOfFour(false, mostOfBlock(x), mostOfBlock(row1), mostOfBlock(row2), mostOfBlock(row3));
  const largest = f32x4.splat(MOST_OF_BYTE);
  const inverses = v128.and(f32x4.div(largest, most), f32x4.gt(most, f32x4.splat(1e-33)));
  v128.store(scales, v128.bitselect(f32x4.div(most, largest), f32x4.splat(NaN), f32x4.lt(most, f32x4.splat(Infinity))));
  let inverse = v128.shuffle<i32>(inverses, inverses, 0, 0, 0, 0);
  const a0 = bytesOf(x, inverse), a1 = bytesOf(x + 64, inverse);
  inverse = v128.shuffle<i32>(inverses, inverses, 1, 1, 1, 1);
  const b0 = bytesOf(row1, inverse), b1 = bytesOf(row1 + 64, inverse);
  inverse = v128.shuffle<i32>(inverses, inverses, 2, 2, 2, 2);
  const c0 = bytesOf(row2, inverse), c1 = bytesOf(row2 + 64, inverse);
  inverse = v128.shuffle<i32>(inverses, inverses, 3, 3, 3, 3);
  const d0 = bytesOf(row3, inverse), d1 = bytesOf(row3 + 64, inverse);
  const total = lanesOfFour(true, sumsOfBytes(a0, a1), sumsOfBytes(b0, b1), sumsOfBytes(c0, c1), sumsOfBytes(d0, d1));
  v128.store(sums, i32x4.neg(i32x4.shl(total, 3)));
  storeTransposed(to, 16, inNibbleOrder(a0), inNibbleOrder(b0), inNibbleOrder(c0), inNibbleOrder(d0));
  storeTransposed(to + 64, 16, inNibbleOrder(a1), inNibbleOrder(b1), inNibbleOrder(c1), inNibbleOrder(d1));
}

/**
 * Rows of x in tiles of four for `multiplyTilesQ4`: integers up to 127 in the order of nibbles, and −8 times the sum of each
 * block's. to [tiles][blocks][8 groups][4 rows][4 columns] i8, scales [tiles][blocks][4 rows] f32 and sums the same i32; rows
 * that fill up the last tile have scale 0. Units: tiles.
 */
export function roundTilesOfBytes(
  x: usize, rowCount: i32, innerSize: i32, to: usize, scales: usize, sums: usize, begin: i32, end: i32,
): void {
  const blocks = (innerSize + BLOCK - 1) / BLOCK;
  const held = threadScratch();
  for (let tile = begin; tile < end; tile++) {
    for (let block = 0; block < blocks; block++) {
      const index = <usize>tile * blocks + block;
      if ((tile + 1) * TILE_ROWS <= rowCount && (block + 1) * BLOCK <= innerSize) {
        const from = x + ((<usize>(tile * TILE_ROWS) * innerSize + <usize>block * BLOCK) << 2);
        roundTile(from, <usize>innerSize << 2, to + (index << 7), scales + (index << 4), sums + (index << 4));
        continue;
      }
      for (let line = 0; line < TILE_ROWS; line++) {
        const own = held + (<usize>line << 6);
        const place = ((index << 2) + line) << 2;
        f32.store(scales + place, roundLine(x, tile, line, rowCount, innerSize, block, MOST_OF_BYTE, own));
        i32.store(sums + place, -8 * sumOfBlock(own));
      }
      let out = to + (index << 7);
      for (let half = held; half < held + 64; half += 32) {
        storeTransposed(out, 16, nibbleBytesOf(half), nibbleBytesOf(half + 64), nibbleBytesOf(half + 128), nibbleBytesOf(half + 192));
        out += 64;
      }
    }
  }
}

/**
 * Rows of x for `multiplyNibbles`: integers up to 127 in the order of nibbles, scales larger by 2^56, and −8 times the sum of
 * each block's integers. to [rows][blocks][32] i8, scales [rows][blocks] f32, sums [rows][blocks] i32. Units: rows.
 */
export function roundBytes(x: usize, innerSize: i32, to: usize, scales: usize, sums: usize, begin: i32, end: i32): void {
  const blocks = (innerSize + BLOCK - 1) / BLOCK;
  const held = threadScratch();
  for (let row = begin; row < end; row++) {
    for (let block = 0; block < blocks; block++) {
      const from = x + ((<usize>row * innerSize + <usize>block * BLOCK) << 2);
      const index = <usize>row * blocks + block;
      f32.store(scales + (index << 2), roundBlock(from, min(BLOCK, innerSize - block * BLOCK), MOST_OF_BYTE, held) * HALF_BIAS_ROOT);
      i32.store(sums + (index << 2), -8 * sumOfBlock(held));
      v128.store(to + (index << 5), nibbleBytesOf(held));
      v128.store(to + (index << 5), nibbleBytesOf(held + 32), 16);
    }
  }
}
