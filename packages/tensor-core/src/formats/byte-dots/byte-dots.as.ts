// Products of rounded rows with integer panels by dot products of bytes, four at a time, exact in integers within a block;
// AssemblyScript. Builds with relaxed SIMD only. Panels become signed bytes in scratch memory and meet tiles of four rows.
import { WIDE_TILES } from "../../backends/cpu/build.as";
import { dotBytes, fma, nibbleOfBytes, threadScratch } from "../../backends/cpu/prelude.as";
import { loadScales, SCALE_BYTES } from "../blocks.as";
import { storePanel } from "../panel.as";

const Q8_BYTES: usize = SCALE_BYTES + 256;
const Q4_BYTES: usize = SCALE_BYTES + 128;
/** A block of a panel as bytes, [8 groups of four columns][8 rows][4 columns], then its rows' scales, of q8 corrections. */
const BYTES: usize = 320;
const SCALES: usize = 256;
const TILE_ROWS: i32 = 4;
const TILE_PANELS: i32 = WIDE_TILES ? 2 : 1;
/** Panels of a unit of work, in every build. */
const UNIT_PANELS: i32 = 2;
// Two panels of 32 blocks are 20 KiB of the thread's scratch memory, the sums of 256 rows 16 KiB.
const BLOCKS: i32 = 32;
const ROWS: i32 = 256;
const PANEL_BYTES: usize = <usize>BLOCKS * BYTES;
const SUMS: usize = 2 * PANEL_BYTES;

/** `blocks` blocks of an 8-bit panel as bytes. Exported, so that it stays a function with its pointers in registers. */
export function expandQ8(v: usize, to: usize, blocks: usize): void {
  const ones = i8x16.splat(1);
  const last = v + blocks * Q8_BYTES;
  while (v < last) {
    let c0 = i32x4.splat(0), c1 = i32x4.splat(0);
    let out = to;
    for (let pairs = v + SCALE_BYTES; pairs < v + Q8_BYTES; pairs += 32) {
      // Columns 0 and 1 of eight rows, then 2 and 3.
      const a = v128.load(pairs), b = v128.load(pairs, 16);
      const low = v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11), high = v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
      v128.store(out, low);
      v128.store(out, high, 16);
      c0 = dotBytes(low, ones, c0);
      c1 = dotBytes(high, ones, c1);
      out += 32;
    }
    const scales0 = loadScales(v), scales4 = loadScales(v + 8);
    v128.store(to, scales0, SCALES);
    v128.store(to, scales4, SCALES + 16);
    // Σ of a row's integers times 8192, which rows of x have too much.
    const excess0 = i32x4.shl(c0, 13), excess4 = i32x4.shl(c1, 13);
    v128.store(to, excess0, SCALES + 32);
    v128.store(to, excess4, SCALES + 48);
    v += Q8_BYTES;
    to += BYTES;
  }
}

/** The same of a 4-bit panel, integers plus 8; columns of a block are in the order of nibbles. */
export function expandQ4(v: usize, to: usize, blocks: usize): void {
  const last = v + blocks * Q4_BYTES;
  while (v < last) {
    const mask = nibbleOfBytes();
    let out = to;
    for (let words = v + SCALE_BYTES; words < v + Q4_BYTES; words += 32) {
      const a = v128.load(words), b = v128.load(words, 16);
      const a0 = v128.and(a, mask), b0 = v128.and(b, mask);
      const a1 = v128.and(i16x8.shr_u(a, 4), mask), b1 = v128.and(i16x8.shr_u(b, 4), mask);
      v128.store(out, a0);
      v128.store(out, b0, 16);
      v128.store(out, a1, 32);
      v128.store(out, b1, 48);
      out += 64;
    }
    const scales0 = loadScales(v), scales4 = loadScales(v + 8);
    v128.store(to, scales0, SCALES);
    v128.store(to, scales4, SCALES + 16);
    v += Q4_BYTES;
    to += BYTES;
  }
}

/** What the sums of a row of x begin with: nothing, or what takes the eights of nibbles back. */
@inline
function startOf(nibbles: bool, start: usize): v128 {
  return nibbles ? v128.load32_splat(start) : i32x4.splat(0);
}

/** sums + weights · a group of x: signed bytes come first, those of seven bits second. */
@inline
function dotOf(nibbles: bool, weights: v128, group: v128, sums: v128): v128 {
  return nibbles ? dotBytes(group, weights, sums) : dotBytes(weights, group, sums);
}

/** sums[8] += the integers of a row in a panel times both scales. Loads first: engines join neighbouring stores. */
@inline
function addScaled(nibbles: bool, v: usize, scale: usize, sums: usize, low: v128, high: v128): void {
  const own = v128.load32_splat(scale);
  const factor0 = f32x4.mul(own, v128.load(v, SCALES)), factor4 = f32x4.mul(own, v128.load(v, SCALES + 16));
  if (!nibbles) {
    low = i32x4.sub(low, v128.load(v, SCALES + 32));
    high = i32x4.sub(high, v128.load(v, SCALES + 48));
  }
  const sum0 = fma(f32x4.convert_i32x4_s(low), factor0, v128.load(sums));
  const sum4 = fma(f32x4.convert_i32x4_s(high), factor4, v128.load(sums, 16));
  v128.store(sums, sum0);
  v128.store(sums, sum4, 16);
}

/** sums[4 rows][8] += a tile of rows at x times a panel of `blocks` blocks at v. */
@inline
function narrowTile(nibbles: bool, v: usize, x: usize, scales: usize, starts: usize, blocks: usize, sums: usize): void {
  const last = v + blocks * BYTES;
  while (v < last) {
    let s00 = startOf(nibbles, starts), s04 = s00;
    let s10 = startOf(nibbles, starts + 4), s14 = s10;
    let s20 = startOf(nibbles, starts + 8), s24 = s20;
    let s30 = startOf(nibbles, starts + 12), s34 = s30;
    for (let part = nibbles ? 1 : 0; part < 2; part++) {
      if (!nibbles) {
        // The higher part is worth 128 times the lower; shifting zeros before it changes nothing.
        s00 = i32x4.shl(s00, 7);
        s04 = i32x4.shl(s04, 7);
        s10 = i32x4.shl(s10, 7);
        s14 = i32x4.shl(s14, 7);
        s20 = i32x4.shl(s20, 7);
        s24 = i32x4.shl(s24, 7);
        s30 = i32x4.shl(s30, 7);
        s34 = i32x4.shl(s34, 7);
      }
      for (let w = v; w < v + SCALES; w += 32) {
        const w0 = v128.load(w), w4 = v128.load(w, 16);
        let group = v128.load32_splat(x);
        s00 = dotOf(nibbles, w0, group, s00);
        s04 = dotOf(nibbles, w4, group, s04);
        group = v128.load32_splat(x, 4);
        s10 = dotOf(nibbles, w0, group, s10);
        s14 = dotOf(nibbles, w4, group, s14);
        group = v128.load32_splat(x, 8);
        s20 = dotOf(nibbles, w0, group, s20);
        s24 = dotOf(nibbles, w4, group, s24);
        group = v128.load32_splat(x, 12);
        s30 = dotOf(nibbles, w0, group, s30);
        s34 = dotOf(nibbles, w4, group, s34);
        x += 16;
      }
    }
    addScaled(nibbles, v, scales, sums, s00, s04);
    addScaled(nibbles, v, scales + 4, sums + 32, s10, s14);
    addScaled(nibbles, v, scales + 8, sums + 64, s20, s24);
    addScaled(nibbles, v, scales + 12, sums + 96, s30, s34);
    v += BYTES;
    scales += 16;
    starts += 16;
  }
}

/** The same for two panels, [2 panels][4 rows][8]: sixteen vectors, eight registers where the engine joins pairs. */
@inline
function wideTile(nibbles: bool, v: usize, x: usize, scales: usize, starts: usize, blocks: usize, sums: usize): void {
  const last = v + blocks * BYTES;
  while (v < last) {
    let s00 = startOf(nibbles, starts), s04 = s00, s08 = s00, s0c = s00;
    let s10 = startOf(nibbles, starts + 4), s14 = s10, s18 = s10, s1c = s10;
    let s20 = startOf(nibbles, starts + 8), s24 = s20, s28 = s20, s2c = s20;
    let s30 = startOf(nibbles, starts + 12), s34 = s30, s38 = s30, s3c = s30;
    for (let part = nibbles ? 1 : 0; part < 2; part++) {
      if (!nibbles) {
        // The higher part is worth 128 times the lower; shifting zeros before it changes nothing.
        s00 = i32x4.shl(s00, 7);
        s04 = i32x4.shl(s04, 7);
        s08 = i32x4.shl(s08, 7);
        s0c = i32x4.shl(s0c, 7);
        s10 = i32x4.shl(s10, 7);
        s14 = i32x4.shl(s14, 7);
        s18 = i32x4.shl(s18, 7);
        s1c = i32x4.shl(s1c, 7);
        s20 = i32x4.shl(s20, 7);
        s24 = i32x4.shl(s24, 7);
        s28 = i32x4.shl(s28, 7);
        s2c = i32x4.shl(s2c, 7);
        s30 = i32x4.shl(s30, 7);
        s34 = i32x4.shl(s34, 7);
        s38 = i32x4.shl(s38, 7);
        s3c = i32x4.shl(s3c, 7);
      }
      for (let w = v; w < v + SCALES; w += 32) {
        const w0 = v128.load(w), w4 = v128.load(w, 16), w8 = v128.load(w, PANEL_BYTES), wc = v128.load(w, PANEL_BYTES + 16);
        let group = v128.load32_splat(x);
        s00 = dotOf(nibbles, w0, group, s00);
        s04 = dotOf(nibbles, w4, group, s04);
        s08 = dotOf(nibbles, w8, group, s08);
        s0c = dotOf(nibbles, wc, group, s0c);
        group = v128.load32_splat(x, 4);
        s10 = dotOf(nibbles, w0, group, s10);
        s14 = dotOf(nibbles, w4, group, s14);
        s18 = dotOf(nibbles, w8, group, s18);
        s1c = dotOf(nibbles, wc, group, s1c);
        group = v128.load32_splat(x, 8);
        s20 = dotOf(nibbles, w0, group, s20);
        s24 = dotOf(nibbles, w4, group, s24);
        s28 = dotOf(nibbles, w8, group, s28);
        s2c = dotOf(nibbles, wc, group, s2c);
        group = v128.load32_splat(x, 12);
        s30 = dotOf(nibbles, w0, group, s30);
        s34 = dotOf(nibbles, w4, group, s34);
        s38 = dotOf(nibbles, w8, group, s38);
        s3c = dotOf(nibbles, wc, group, s3c);
        x += 16;
      }
    }
    addScaled(nibbles, v, scales, sums, s00, s04);
    addScaled(nibbles, v, scales + 4, sums + 32, s10, s14);
    addScaled(nibbles, v, scales + 8, sums + 64, s20, s24);
    addScaled(nibbles, v, scales + 12, sums + 96, s30, s34);
    addScaled(nibbles, v + PANEL_BYTES, scales, sums + 128, s08, s0c);
    addScaled(nibbles, v + PANEL_BYTES, scales + 4, sums + 160, s18, s1c);
    addScaled(nibbles, v + PANEL_BYTES, scales + 8, sums + 192, s28, s2c);
    addScaled(nibbles, v + PANEL_BYTES, scales + 12, sums + 224, s38, s3c);
    v += BYTES;
    scales += 16;
    starts += 16;
  }
}

/** A tile of rows in two parts of seven bits, and one of bytes. Exported, so that they stay functions. */
export function tileInParts(v: usize, x: usize, scales: usize, blocks: usize, sums: usize): void {
  if (WIDE_TILES) wideTile(false, v, x, scales, 0, blocks, sums);
  else narrowTile(false, v, x, scales, 0, blocks, sums);
}

export function tileOfBytes(v: usize, x: usize, scales: usize, starts: usize, blocks: usize, sums: usize): void {
  if (WIDE_TILES) wideTile(true, v, x, scales, starts, blocks, sums);
  else narrowTile(true, v, x, scales, starts, blocks, sums);
}

/**
 * C[m, n] (+)= x row m · w row n; the sums of `multiplyQ8` and `multiplyNibbles` to the last bit.
 * Units: two panels of 8 rows of w.
 */
@inline
function multiplyTiles(
  nibbles: bool, x: usize, scales: usize, starts: usize, w: usize, c: usize, rowStride: usize, rowCount: i32, columnCount: i32, innerSize: i32,
  accumulate: bool, begin: i32, end: i32,
): void {
  const blocks = (innerSize + 31) >> 5;
  const panelCount = (columnCount + 7) >> 3;
  const blockBytes = nibbles ? Q4_BYTES : Q8_BYTES;
  const held = threadScratch();
  const sums = held + SUMS;
  for (let panel = begin * UNIT_PANELS; panel < min(end * UNIT_PANELS, panelCount); panel += TILE_PANELS) {
    for (let firstRow = 0; firstRow < rowCount; firstRow += ROWS) {
      const lastRow = min(firstRow + ROWS, rowCount);
      memory.fill(sums, 0, <usize>(lastRow - firstRow + TILE_ROWS - 1) / TILE_ROWS * (TILE_ROWS * TILE_PANELS * 32));
      for (let block = 0; block < blocks; block += BLOCKS) {
        const count = min(BLOCKS, blocks - block);
        for (let part = 0; part < TILE_PANELS; part++) {
          // Behind the last panel it stands once more; nobody stores its sums.
          const from = w + (<usize>min(panel + part, panelCount - 1) * blocks + block) * blockBytes;
          if (nibbles) expandQ4(from, held + <usize>part * PANEL_BYTES, count);
          else expandQ8(from, held + <usize>part * PANEL_BYTES, count);
        }
        let to = sums;
        for (let row = firstRow; row < lastRow; row += TILE_ROWS) {
          const index = <usize>(row / TILE_ROWS) * blocks + block;
          const place = index << 4;
          if (nibbles) tileOfBytes(held, x + (index << 7), scales + place, starts + place, count, to);
          else tileInParts(held, x + (index << 8), scales + place, count, to);
          to += TILE_ROWS * TILE_PANELS * 32;
        }
      }
      for (let row = firstRow; row < lastRow; row++) {
        const place = row - firstRow;
        let from = sums + <usize>(place / TILE_ROWS * TILE_ROWS * TILE_PANELS + place % TILE_ROWS) * 32;
        for (let part = panel; part < min(panel + TILE_PANELS, panelCount); part++) {
          storePanel(c, rowStride, row, part, columnCount, v128.load(from), v128.load(from, 16), accumulate);
          from += TILE_ROWS * 32;
        }
      }
    }
  }
}

/** Products with 8-bit weights, x as `roundTilesInParts` left it. Units: two panels of 8 rows of w. */
export function multiplyTilesQ8(
  x: usize, scales: usize, w: usize, c: usize, rowStride: usize, rowCount: i32, columnCount: i32, innerSize: i32, accumulate: bool,
  begin: i32, end: i32,
): void {
  multiplyTiles(false, x, scales, 0, w, c, rowStride, rowCount, columnCount, innerSize, accumulate, begin, end);
}

/** Products with 4-bit weights, x as `roundTilesOfBytes` left it. Units: two panels of 8 rows of w. */
export function multiplyTilesQ4(
  x: usize, scales: usize, starts: usize, w: usize, c: usize, rowStride: usize, rowCount: i32, columnCount: i32, innerSize: i32,
  accumulate: bool, begin: i32, end: i32,
): void {
  multiplyTiles(true, x, scales, starts, w, c, rowStride, rowCount, columnCount, innerSize, accumulate, begin, end);
}
