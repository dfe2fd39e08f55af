// Matrix products of few rows, weights read once as they lie: dots with rows of a matrix, or mixtures of them; AssemblyScript.
// Strides are in elements. An element has the same summation tree however many rows there are.
import { WIDE_TILES } from "../../backends/cpu/build.as";
import { dot, fma, horizontalSum, loadPartial, storePartial, threadScratch } from "../../backends/cpu/prelude.as";

// 16 rows of so many steps of x are 32 KiB and stay near while the weights pass by.
const INNER_BLOCK: i32 = 512;
const TILE_ROWS: i32 = 4;
// So much of w, read once for the rows of x that fill no tile, stays in a second-level cache between them.
const BLOCK_BYTES: i32 = 262144;
const TILE_BYTES: usize = 512;

/**
 * Steps `chain`, `chain` + 4, … of the sums of four rows of x with two of w, `lines` vectors each 64 bytes apart. The four
 * chains of a sum lie in `sums` behind each other: eight sums of one chain fit into registers, and are those of `dot`.
 */
@inline
function sumChain(x: usize, xBytes: usize, w: usize, wBytes: usize, lines: usize, sums: usize, isFirst: bool): void {
  let s00 = f32x4.splat(0), s01 = f32x4.splat(0), s10 = f32x4.splat(0), s11 = f32x4.splat(0);
  let s20 = f32x4.splat(0), s21 = f32x4.splat(0), s30 = f32x4.splat(0), s31 = f32x4.splat(0);
  if (!isFirst) {
    s00 = v128.load(sums);
    s01 = v128.load(sums, 64);
    s10 = v128.load(sums, 128);
    s11 = v128.load(sums, 192);
    s20 = v128.load(sums, 256);
    s21 = v128.load(sums, 320);
    s30 = v128.load(sums, 384);
    s31 = v128.load(sums, 448);
  }
  let x1 = x + xBytes, x2 = x1 + xBytes, x3 = x2 + xBytes, w1 = w + wBytes;
  const last = w + (lines << 6);
  while (w < last) {
    const weight0 = v128.load(w), weight1 = v128.load(w1);
    let value = v128.load(x);
    s00 = fma(value, weight0, s00);
    s01 = fma(value, weight1, s01);
    value = v128.load(x1);
    s10 = fma(value, weight0, s10);
    s11 = fma(value, weight1, s11);
    value = v128.load(x2);
    s20 = fma(value, weight0, s20);
    s21 = fma(value, weight1, s21);
    value = v128.load(x3);
    s30 = fma(value, weight0, s30);
    s31 = fma(value, weight1, s31);
    x += 64;
    x1 += 64;
    x2 += 64;
    x3 += 64;
    w += 64;
    w1 += 64;
  }
  v128.store(sums, s00);
  v128.store(sums, s01, 64);
  v128.store(sums, s10, 128);
  v128.store(sums, s11, 192);
  v128.store(sums, s20, 256);
  v128.store(sums, s21, 320);
  v128.store(sums, s30, 384);
  v128.store(sums, s31, 448);
}

/** The same for a chain and the next, in pairs that engines join. */
@inline
function sumChainPair(x: usize, xBytes: usize, w: usize, wBytes: usize, lines: usize, sums: usize, isFirst: bool): void {
  let s000 = f32x4.splat(0), s001 = f32x4.splat(0), s010 = f32x4.splat(0), s011 = f32x4.splat(0);
  let s100 = f32x4.splat(0), s101 = f32x4.splat(0), s110 = f32x4.splat(0), s111 = f32x4.splat(0);
  let s200 = f32x4.splat(0), s201 = f32x4.splat(0), s210 = f32x4.splat(0), s211 = f32x4.splat(0);
  let s300 = f32x4.splat(0), s301 = f32x4.splat(0), s310 = f32x4.splat(0), s311 = f32x4.splat(0);
  if (!isFirst) {
    s000 = v128.load(sums);
    s001 = v128.load(sums, 16);
    s010 = v128.load(sums, 64);
    s011 = v128.load(sums, 80);
    s100 = v128.load(sums, 128);
    s101 = v128.load(sums, 144);
    s110 = v128.load(sums, 192);
    s111 = v128.load(sums, 208);
    s200 = v128.load(sums, 256);
    s201 = v128.load(sums, 272);
    s210 = v128.load(sums, 320);
    s211 = v128.load(sums, 336);
    s300 = v128.load(sums, 384);
    s301 = v128.load(sums, 400);
    s310 = v128.load(sums, 448);
    s311 = v128.load(sums, 464);
  }
  let x1 = x + xBytes, x2 = x1 + xBytes, x3 = x2 + xBytes, w1 = w + wBytes;
  const last = w + (lines << 6);
  while (w < last) {
    const w00 = v128.load(w), w01 = v128.load(w, 16), w10 = v128.load(w1), w11 = v128.load(w1, 16);
    let low = v128.load(x), high = v128.load(x, 16);
    s000 = fma(low, w00, s000);
    s001 = fma(high, w01, s001);
    s010 = fma(low, w10, s010);
    s011 = fma(high, w11, s011);
    low = v128.load(x1);
    high = v128.load(x1, 16);
    s100 = fma(low, w00, s100);
    s101 = fma(high, w01, s101);
    s110 = fma(low, w10, s110);
    s111 = fma(high, w11, s111);
    low = v128.load(x2);
    high = v128.load(x2, 16);
    s200 = fma(low, w00, s200);
    s201 = fma(high, w01, s201);
    s210 = fma(low, w10, s210);
    s211 = fma(high, w11, s211);
    low = v128.load(x3);
    high = v128.load(x3, 16);
    s300 = fma(low, w00, s300);
    s301 = fma(high, w01, s301);
    s310 = fma(low, w10, s310);
    s311 = fma(high, w11, s311);
    x += 64;
    x1 += 64;
    x2 += 64;
    x3 += 64;
    w += 64;
    w1 += 64;
  }
  v128.store(sums, s000);
  v128.store(sums, s001, 16);
  v128.store(sums, s010, 64);
  v128.store(sums, s011, 80);
  v128.store(sums, s100, 128);
  v128.store(sums, s101, 144);
  v128.store(sums, s110, 192);
  v128.store(sums, s111, 208);
  v128.store(sums, s200, 256);
  v128.store(sums, s201, 272);
  v128.store(sums, s210, 320);
  v128.store(sums, s211, 336);
  v128.store(sums, s300, 384);
  v128.store(sums, s301, 400);
  v128.store(sums, s310, 448);
  v128.store(sums, s311, 464);
}

/** The sum over the four chains at `sums`, once the steps behind the last whole 64 bytes of a and b are added: as `dot` has it. */
@inline
function finishSum(sums: usize, a: usize, b: usize, innerSize: i32): f32 {
  let s0 = v128.load(sums), s1 = v128.load(sums, 16);
  let k = innerSize & ~15;
  a += <usize>k << 2;
  b += <usize>k << 2;
  for (; k <= innerSize - 4; k += 4) {
    s0 = fma(v128.load(a), v128.load(b), s0);
    a += 16;
    b += 16;
  }
  if (k < innerSize) s1 = fma(loadPartial(a, innerSize - k), loadPartial(b, innerSize - k), s1);
  return horizontalSum(f32x4.add(f32x4.add(s0, v128.load(sums, 32)), f32x4.add(s1, v128.load(sums, 48))));
}

@inline
function storeSum(at: usize, sum: f32, accumulate: bool): void {
  f32.store(at, accumulate ? f32.load(at) + sum : sum);
}

/** C[rowCount, 2] (+)= rows of x, whole tiles of four, with two rows of w, `away` columns apart; innerSize ≥ 16. */
function tileDots(
  x: usize, xStride: usize, w: usize, wStride: usize, c: usize, rowStride: usize, rowCount: i32, innerSize: i32, away: usize, accumulate: bool,
): void {
  const xBytes = xStride << 2, wBytes = (away * wStride) << 2, rowBytes = rowStride << 2;
  const scratch = threadScratch();
  const whole = innerSize & ~15;
  for (let block = 0; block < whole; block += INNER_BLOCK) {
    const lines = <usize>(min(INNER_BLOCK, whole - block) >> 4);
    const from = <usize>block << 2;
    let sums = scratch;
    for (let row = 0; row < rowCount; row += TILE_ROWS) {
      const rows = x + <usize>row * xBytes + from;
      if (WIDE_TILES) {
        sumChainPair(rows, xBytes, w + from, wBytes, lines, sums, block == 0);
        sumChainPair(rows + 32, xBytes, w + from + 32, wBytes, lines, sums + 32, block == 0);
      } else {
        for (let chain: usize = 0; chain < 64; chain += 16) sumChain(rows + chain, xBytes, w + from + chain, wBytes, lines, sums + chain, block == 0);
      }
      sums += TILE_BYTES;
    }
  }
  let sums = scratch;
  for (let row = 0; row < rowCount; row++) {
    for (let column: usize = 0; column < 2; column++) {
      const sum = finishSum(sums, x + <usize>row * xBytes, w + column * wBytes, innerSize);
      storeSum(c + <usize>row * rowBytes + ((column * away) << 2), sum, accumulate);
      sums += 64;
    }
  }
}

/**
 * The four chains of the sums of one line with a and with b, `lines` vectors each 64 bytes apart, into `sums` behind each
 * other: neighbouring stores are what engines that join vectors begin from. Exported, so that it stays a function: within
 * the loop over columns engines keep its pointers in memory.
 */
export function sumTwo(line: usize, a: usize, b: usize, lines: usize, sums: usize): void {
  let a0 = f32x4.splat(0), a1 = f32x4.splat(0), a2 = f32x4.splat(0), a3 = f32x4.splat(0);
  let b0 = f32x4.splat(0), b1 = f32x4.splat(0), b2 = f32x4.splat(0), b3 = f32x4.splat(0);
  const last = line + (lines << 6);
  while (line < last) {
    let low = v128.load(line), high = v128.load(line, 16);
    a0 = fma(low, v128.load(a), a0);
    a1 = fma(high, v128.load(a, 16), a1);
    b0 = fma(low, v128.load(b), b0);
    b1 = fma(high, v128.load(b, 16), b1);
    low = v128.load(line, 32);
    high = v128.load(line, 48);
    a2 = fma(low, v128.load(a, 32), a2);
    a3 = fma(high, v128.load(a, 48), a3);
    b2 = fma(low, v128.load(b, 32), b2);
    b3 = fma(high, v128.load(b, 48), b3);
    line += 64;
    a += 64;
    b += 64;
  }
  v128.store(sums, a0);
  v128.store(sums, a1, 16);
  v128.store(sums, a2, 32);
  v128.store(sums, a3, 48);
  v128.store(sums, b0, 64);
  v128.store(sums, b1, 80);
  v128.store(sums, b2, 96);
  v128.store(sums, b3, 112);
}

/**
 * C[begin … end] (+)= one row x with rows of w, read as two streams: the first half of the rows beside the second.
 * Neighbouring rows side by side would come at half the speed (docs/log.md).
 */
function streamDots(x: usize, w: usize, wStride: usize, c: usize, innerSize: i32, accumulate: bool, begin: i32, end: i32): void {
  const sums = threadScratch(), wBytes = wStride << 2;
  const half = (end - begin) >> 1;
  let a = w + <usize>begin * wBytes;
  let b = a + <usize>half * wBytes;
  let at = c + (<usize>begin << 2);
  const away = <usize>half << 2;
  for (let row = 0; row < half; row++) {
    sumTwo(x, a, b, <usize>innerSize >> 4, sums);
    storeSum(at, finishSum(sums, x, a, innerSize), accumulate);
    storeSum(at + away, finishSum(sums + 64, x, b, innerSize), accumulate);
    a += wBytes;
    b += wBytes;
    at += 4;
  }
  if (((end - begin) & 1) == 1) storeSum(at + away, dot(x, b, innerSize), accumulate);
}

/**
 * C[m, n] (+)= x row m · w row n for at most 16 rows m: the weights are read once, in order. Units: rows of w.
 * Every element has the tree of `dot`, however many rows there are.
 */
export function multiplyRowDots(
  x: usize, xStride: usize, w: usize, wStride: usize, c: usize, rowStride: usize, rowCount: i32, innerSize: i32, accumulate: bool,
  begin: i32, end: i32,
): void {
  const tiledRows = innerSize >= 16 ? rowCount & ~(TILE_ROWS - 1) : 0;
  const block = rowCount == 1 || tiledRows == rowCount ? end - begin : max(2, BLOCK_BYTES / max(1, <i32>wStride << 2));
  for (let column = begin; column < end; column += block) {
    const last = min(column + block, end);
    const half = (last - column) >> 1;
    if (tiledRows > 0) {
      for (let n = column; n < column + half; n++) {
        tileDots(x, xStride, w + ((<usize>n * wStride) << 2), wStride, c + (<usize>n << 2), rowStride, tiledRows, innerSize, half, accumulate);
      }
    }
    for (let row = 0; row < rowCount; row++) {
      const from = x + ((<usize>row * xStride) << 2), to = c + ((<usize>row * rowStride) << 2);
      streamDots(from, w, wStride, to, innerSize, accumulate, row < tiledRows ? column + 2 * half : column, last);
    }
  }
}

/** C[m, columns] (+)= Σ_k x[m, k]·b[k, columns] for few rows m, b with contiguous columns. Units: 32 columns. */
export function multiplyRowMixtures(
  x: usize, xStride: usize, xStep: usize, b: usize, bStep: usize, c: usize, rowStride: usize, rowCount: i32, columnCount: i32, innerSize: i32,
  accumulate: bool, begin: i32, end: i32,
): void {
  for (let unit = begin; unit < end; unit++) {
    const first = unit * 32;
    const last = min(first + 32, columnCount);
    for (let row = 0; row < rowCount; row++) {
      const out = c + ((<usize>row * rowStride) << 2);
      let column = first;
      if (last - first == 32) {
        let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
        let s4 = f32x4.splat(0), s5 = f32x4.splat(0), s6 = f32x4.splat(0), s7 = f32x4.splat(0);
        let from = x + ((<usize>row * xStride) << 2);
        let line = b + (<usize>column << 2);
        for (let k = 0; k < innerSize; k++) {
          const value = v128.load32_splat(from);
          s0 = fma(value, v128.load(line), s0);
          s1 = fma(value, v128.load(line, 16), s1);
          s2 = fma(value, v128.load(line, 32), s2);
          s3 = fma(value, v128.load(line, 48), s3);
          s4 = fma(value, v128.load(line, 64), s4);
          s5 = fma(value, v128.load(line, 80), s5);
          s6 = fma(value, v128.load(line, 96), s6);
          s7 = fma(value, v128.load(line, 112), s7);
          from += xStep << 2;
          line += bStep << 2;
        }
        const at = out + (<usize>column << 2);
        if (accumulate) {
          s0 = f32x4.add(v128.load(at), s0);
          s1 = f32x4.add(v128.load(at, 16), s1);
          s2 = f32x4.add(v128.load(at, 32), s2);
          s3 = f32x4.add(v128.load(at, 48), s3);
          s4 = f32x4.add(v128.load(at, 64), s4);
          s5 = f32x4.add(v128.load(at, 80), s5);
          s6 = f32x4.add(v128.load(at, 96), s6);
          s7 = f32x4.add(v128.load(at, 112), s7);
        }
        v128.store(at, s0);
        v128.store(at, s1, 16);
        v128.store(at, s2, 32);
        v128.store(at, s3, 48);
        v128.store(at, s4, 64);
        v128.store(at, s5, 80);
        v128.store(at, s6, 96);
        v128.store(at, s7, 112);
        continue;
      }
      for (; column < last; column += 4) {
        const width = last - column;
        let sum = f32x4.splat(0);
        let from = x + ((<usize>row * xStride) << 2);
        let line = b + (<usize>column << 2);
        for (let k = 0; k < innerSize; k++) {
          sum = fma(v128.load32_splat(from), width >= 4 ? v128.load(line) : loadPartial(line, width), sum);
          from += xStep << 2;
          line += bStep << 2;
        }
        const at = out + (<usize>column << 2);
        if (width >= 4) v128.store(at, accumulate ? f32x4.add(v128.load(at), sum) : sum);
        else storePartial(at, accumulate ? f32x4.add(loadPartial(at, width), sum) : sum, width);
      }
    }
  }
}
