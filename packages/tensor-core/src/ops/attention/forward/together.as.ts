// Attention of queries that see the same keys, as far as each sees, in tiles that share what is read; AssemblyScript. A row
// has the sums that it has alone.
import { WIDE_TILES } from "../../../backends/cpu/build.as";
import { fma, loadPartial, storeTransposed, threadScratch } from "../../../backends/cpu/prelude.as";
import {
  beginKeys, copyRow, COUNTS, finish, KEY_BLOCK, keyCountOf, KEYS, LANE_BYTES, LANES, LENGTHS, nextKeys, OUTPUTS, PANEL, QUERIES, RIM, SCORE_BYTES,
  SCORES, weigh, zeroRow,
} from "./block.as";

const TILE_ROWS: i32 = 4;
const TILE_COLUMNS: i32 = 16;

/** Sums of one lane of a tile, [4 rows][16 keys] at `sums`: `steps` numbers of each row, 16 bytes apart, with a panel's lines. */
function sumLane(q0: usize, q1: usize, q2: usize, q3: usize, panel: usize, steps: usize, sums: usize): void {
  if (WIDE_TILES) {
    let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c02 = f32x4.splat(0), c03 = f32x4.splat(0);
    let c10 = f32x4.splat(0), c11 = f32x4.splat(0), c12 = f32x4.splat(0), c13 = f32x4.splat(0);
    let c20 = f32x4.splat(0), c21 = f32x4.splat(0), c22 = f32x4.splat(0), c23 = f32x4.splat(0);
    let c30 = f32x4.splat(0), c31 = f32x4.splat(0), c32 = f32x4.splat(0), c33 = f32x4.splat(0);
    const last = panel + (steps << 6);
    while (panel < last) {
      const b0 = v128.load(panel), b1 = v128.load(panel, 16), b2 = v128.load(panel, 32), b3 = v128.load(panel, 48);
      let value = v128.load32_splat(q0);
      c00 = fma(value, b0, c00);
      c01 = fma(value, b1, c01);
      c02 = fma(value, b2, c02);
      c03 = fma(value, b3, c03);
      value = v128.load32_splat(q1);
      c10 = fma(value, b0, c10);
      c11 = fma(value, b1, c11);
      c12 = fma(value, b2, c12);
      c13 = fma(value, b3, c13);
      value = v128.load32_splat(q2);
      c20 = fma(value, b0, c20);
      c21 = fma(value, b1, c21);
      c22 = fma(value, b2, c22);
      c23 = fma(value, b3, c23);
      value = v128.load32_splat(q3);
      c30 = fma(value, b0, c30);
      c31 = fma(value, b1, c31);
      c32 = fma(value, b2, c32);
      c33 = fma(value, b3, c33);
      q0 += 16;
      q1 += 16;
      q2 += 16;
      q3 += 16;
      panel += 64;
    }
    v128.store(sums, c00);
    v128.store(sums, c01, 16);
    v128.store(sums, c02, 32);
    v128.store(sums, c03, 48);
    v128.store(sums, c10, 64);
    v128.store(sums, c11, 80);
    v128.store(sums, c12, 96);
    v128.store(sums, c13, 112);
    v128.store(sums, c20, 128);
    v128.store(sums, c21, 144);
    v128.store(sums, c22, 160);
    v128.store(sums, c23, 176);
    v128.store(sums, c30, 192);
    v128.store(sums, c31, 208);
    v128.store(sums, c32, 224);
    v128.store(sums, c33, 240);
    return;
  }
  for (let half: usize = 0; half < 64; half += 32) {
    let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
    let a0 = q0, a1 = q1, a2 = q2, a3 = q3, b = panel + half;
    const last = b + (steps << 6);
    while (b < last) {
      const b0 = v128.load(b), b1 = v128.load(b, 16);
      let value = v128.load32_splat(a0);
      c00 = fma(value, b0, c00);
      c01 = fma(value, b1, c01);
      value = v128.load32_splat(a1);
      c10 = fma(value, b0, c10);
      c11 = fma(value, b1, c11);
      value = v128.load32_splat(a2);
      c20 = fma(value, b0, c20);
      c21 = fma(value, b1, c21);
      value = v128.load32_splat(a3);
      c30 = fma(value, b0, c30);
      c31 = fma(value, b1, c31);
      a0 += 16;
      a1 += 16;
      a2 += 16;
      a3 += 16;
      b += 64;
    }
    const to = sums + half;
    v128.store(to, c00);
    v128.store(to, c01, 16);
    v128.store(to, c10, 64);
    v128.store(to, c11, 80);
    v128.store(to, c20, 128);
    v128.store(to, c21, 144);
    v128.store(to, c30, 192);
    v128.store(to, c31, 208);
  }
}

/** Scores [4 rows][16 keys] of a tile at `to`, rows of scores apart, from its four lanes. */
@inline
function addLanes(lanes: usize, scale: f32, to: usize): void {
  const scales = f32x4.splat(scale);
  for (let row = 0; row < TILE_ROWS; row++) {
    for (let at: usize = 0; at < 64; at += 32) {
      const from = lanes + at;
      const even0 = f32x4.add(v128.load(from), v128.load(from, 2 * LANE_BYTES));
      const even1 = f32x4.add(v128.load(from, 16), v128.load(from, 2 * LANE_BYTES + 16));
      const odd0 = f32x4.add(v128.load(from, LANE_BYTES), v128.load(from, 3 * LANE_BYTES));
      const odd1 = f32x4.add(v128.load(from, LANE_BYTES + 16), v128.load(from, 3 * LANE_BYTES + 16));
      v128.store(to + at, f32x4.mul(f32x4.add(even0, odd0), scales));
      v128.store(to + at, f32x4.mul(f32x4.add(even1, odd1), scales), 16);
    }
    lanes += 64;
    to += SCORE_BYTES;
  }
}

/** y[4 rows][16] += weights, rows of scores apart, · a panel of `count` keys. */
function mixTile(weights: usize, panel: usize, count: i32, y0: usize, y1: usize, y2: usize, y3: usize): void {
  const last = weights + (<usize>count << 2);
  if (WIDE_TILES) {
    let c00 = v128.load(y0), c01 = v128.load(y0, 16), c02 = v128.load(y0, 32), c03 = v128.load(y0, 48);
    let c10 = v128.load(y1), c11 = v128.load(y1, 16), c12 = v128.load(y1, 32), c13 = v128.load(y1, 48);
    let c20 = v128.load(y2), c21 = v128.load(y2, 16), c22 = v128.load(y2, 32), c23 = v128.load(y2, 48);
    let c30 = v128.load(y3), c31 = v128.load(y3, 16), c32 = v128.load(y3, 32), c33 = v128.load(y3, 48);
    while (weights < last) {
      const b0 = v128.load(panel), b1 = v128.load(panel, 16), b2 = v128.load(panel, 32), b3 = v128.load(panel, 48);
      let value = v128.load32_splat(weights);
      c00 = fma(value, b0, c00);
      c01 = fma(value, b1, c01);
      c02 = fma(value, b2, c02);
      c03 = fma(value, b3, c03);
      value = v128.load32_splat(weights, SCORE_BYTES);
      c10 = fma(value, b0, c10);
      c11 = fma(value, b1, c11);
      c12 = fma(value, b2, c12);
      c13 = fma(value, b3, c13);
      value = v128.load32_splat(weights, 2 * SCORE_BYTES);
      c20 = fma(value, b0, c20);
      c21 = fma(value, b1, c21);
      c22 = fma(value, b2, c22);
      c23 = fma(value, b3, c23);
      value = v128.load32_splat(weights, 3 * SCORE_BYTES);
      c30 = fma(value, b0, c30);
      c31 = fma(value, b1, c31);
      c32 = fma(value, b2, c32);
      c33 = fma(value, b3, c33);
      weights += 4;
      panel += 64;
    }
    v128.store(y0, c00);
    v128.store(y0, c01, 16);
    v128.store(y0, c02, 32);
    v128.store(y0, c03, 48);
    v128.store(y1, c10);
    v128.store(y1, c11, 16);
    v128.store(y1, c12, 32);
    v128.store(y1, c13, 48);
    v128.store(y2, c20);
    v128.store(y2, c21, 16);
    v128.store(y2, c22, 32);
    v128.store(y2, c23, 48);
    v128.store(y3, c30);
    v128.store(y3, c31, 16);
    v128.store(y3, c32, 32);
    v128.store(y3, c33, 48);
    return;
  }
  for (let half: usize = 0; half < 64; half += 32) {
    let c00 = v128.load(y0 + half), c01 = v128.load(y0 + half, 16), c10 = v128.load(y1 + half), c11 = v128.load(y1 + half, 16);
    let c20 = v128.load(y2 + half), c21 = v128.load(y2 + half, 16), c30 = v128.load(y3 + half), c31 = v128.load(y3 + half, 16);
    let b = panel + half;
    for (let a = weights; a < last; a += 4) {
      const b0 = v128.load(b), b1 = v128.load(b, 16);
      let value = v128.load32_splat(a);
      c00 = fma(value, b0, c00);
      c01 = fma(value, b1, c01);
      value = v128.load32_splat(a, SCORE_BYTES);
      c10 = fma(value, b0, c10);
      c11 = fma(value, b1, c11);
      value = v128.load32_splat(a, 2 * SCORE_BYTES);
      c20 = fma(value, b0, c20);
      c21 = fma(value, b1, c21);
      value = v128.load32_splat(a, 3 * SCORE_BYTES);
      c30 = fma(value, b0, c30);
      c31 = fma(value, b1, c31);
      b += 64;
    }
    v128.store(y0 + half, c00);
    v128.store(y0 + half, c01, 16);
    v128.store(y1 + half, c10);
    v128.store(y1 + half, c11, 16);
    v128.store(y2 + half, c20);
    v128.store(y2 + half, c21, 16);
    v128.store(y3 + half, c30);
    v128.store(y3 + half, c31, 16);
  }
}

/** The same for one row. */
@inline
function mixRow(weights: usize, panel: usize, count: i32, y: usize): void {
  let c0 = v128.load(y), c1 = v128.load(y, 16), c2 = v128.load(y, 32), c3 = v128.load(y, 48);
  const last = weights + (<usize>count << 2);
  while (weights < last) {
    const value = v128.load32_splat(weights);
    c0 = fma(value, v128.load(panel), c0);
    c1 = fma(value, v128.load(panel, 16), c1);
    c2 = fma(value, v128.load(panel, 32), c2);
    c3 = fma(value, v128.load(panel, 48), c3);
    weights += 4;
    panel += 64;
  }
  v128.store(y, c0);
  v128.store(y, c1, 16);
  v128.store(y, c2, 32);
  v128.store(y, c3, 48);
}

/** Sixteen keys of the block from `first` on as a panel [4 lanes][steps of a lane][16 keys]; behind the last it stands again. */
function packKeys(scratch: usize, keys: usize, stride: usize, first: i32, count: i32, size: i32): void {
  const laneBytes = <usize>((size + 3) >> 2) << 6;
  for (let s = 0; s < TILE_COLUMNS; s += 4) {
    const index = scratch + KEYS;
    let a = keys + <usize>i32.load(index + (<usize>min(first + s, count - 1) << 2)) * stride;
    let b = keys + <usize>i32.load(index + (<usize>min(first + s + 1, count - 1) << 2)) * stride;
    let c = keys + <usize>i32.load(index + (<usize>min(first + s + 2, count - 1) << 2)) * stride;
    let d = keys + <usize>i32.load(index + (<usize>min(first + s + 3, count - 1) << 2)) * stride;
    let to = scratch + PANEL + (<usize>s << 2);
    let k = 0;
    for (; k <= size - 4; k += 4) {
      storeTransposed(to, laneBytes, v128.load(a), v128.load(b), v128.load(c), v128.load(d));
      a += 16;
      b += 16;
      c += 16;
      d += 16;
      to += 64;
    }
    if (k < size) {
      const rest = size - k;
      storeTransposed(to, laneBytes, loadPartial(a, rest), loadPartial(b, rest), loadPartial(c, rest), loadPartial(d, rest));
    }
  }
}

/** Columns of the block's values from `column` on as a panel [keys][16 columns], zeros behind the last column. */
function packValues(scratch: usize, values: usize, stride: usize, count: i32, column: i32, size: i32): void {
  const from = values + (<usize>column << 2), columns = min(TILE_COLUMNS, size - column);
  let to = scratch + PANEL;
  const last = to + (<usize>count << 6);
  for (let index = scratch + KEYS; to < last; index += 4) {
    const row = from + <usize>i32.load(index) * stride;
    if (columns == TILE_COLUMNS) {
      const a = v128.load(row), b = v128.load(row, 16), c = v128.load(row, 32), d = v128.load(row, 48);
      v128.store(to, a);
      v128.store(to, b, 16);
      v128.store(to, c, 32);
      v128.store(to, d, 48);
    } else {
      for (let k = 0; k < TILE_COLUMNS; k += 4) {
        const rest = columns - k;
        const part = row + (<usize>k << 2);
        v128.store(to + (<usize>k << 2), rest >= 4 ? v128.load(part) : rest > 0 ? loadPartial(part, rest) : f32x4.splat(0));
      }
    }
    to += 64;
  }
}

/** Adds sixteen columns of the block's values, packed, to the outputs of all rows; a row sees as many keys as COUNTS says. */
function mixColumns(scratch: usize, rows: i32, column: i32, columns: i32): void {
  const panel = scratch + PANEL, rim = scratch + RIM;
  const isWhole = columns == TILE_COLUMNS;
  for (let row = 0; row < rows; row += TILE_ROWS) {
    const real = min(TILE_ROWS, rows - row);
    let least = KEY_BLOCK;
    for (let each = row; each < row + real; each++) {
      const place = scratch + (<usize>each << 2);
      least = min(least, i32.load(place, COUNTS));
      const own = rim + (<usize>(each - row) << 6);
      if (!isWhole) copyRow(own, i32.load(place, OUTPUTS) + (<usize>column << 2), columns);
    }
    const weights = scratch + SCORES + <usize>row * SCORE_BYTES;
    const at = scratch + OUTPUTS + (<usize>row << 2), away = <usize>column << 2;
    // Rows that only fill up the tile end in the rim.
    const y0 = isWhole ? <usize>i32.load(at) + away : rim;
    const y1 = isWhole && real > 1 ? <usize>i32.load(at, 4) + away : rim + 64;
    const y2 = isWhole && real > 2 ? <usize>i32.load(at, 8) + away : rim + 128;
    const y3 = isWhole && real > 3 ? <usize>i32.load(at, 12) + away : rim + 192;
    mixTile(weights, panel, least, y0, y1, y2, y3);
    for (let each = row; each < row + real; each++) {
      const place = scratch + (<usize>each << 2);
      const own = rim + (<usize>(each - row) << 6);
      const output = <usize>i32.load(place, OUTPUTS) + away;
      // What later keys hold, though a weight of zero, is not this row's.
      const more = i32.load(place, COUNTS) - least;
      const skipped = <usize>least;
      if (more > 0) {
        mixRow(scratch + SCORES + <usize>each * SCORE_BYTES + (skipped << 2), panel + (skipped << 6), more, isWhole ? output : own);
      }
      if (!isWhole) copyRow(output, own, columns);
    }
  }
}

/**
 * `heads` neighbouring heads of a group for each of `queries` queries, heads · queries ≤ ROWS, that all see the first of the
 * `longest` query's keys: panels of sixteen keys, and of as many columns of values, meet tiles of four rows.
 */
export function attendTogether(
  q: usize, k: usize, v: usize, ranges: usize, out: usize, logNormaliser: usize, rangeCount: usize, headCount: i32, groupCount: i32,
  headSize: i32, valueSize: i32, scale: f32, query: i32, queries: i32, longest: i32, head: i32, heads: i32,
): void {
  const scratch = threadScratch();
  const group = head / (headCount / groupCount);
  const keyStride = <usize>(groupCount * headSize) << 2, valueStride = <usize>(groupCount * valueSize) << 2;
  const keys = k + (<usize>(group * headSize) << 2), values = v + (<usize>(group * valueSize) << 2);
  const rows = queries * heads;
  const filled = (rows + TILE_ROWS - 1) & ~(TILE_ROWS - 1);
  for (let row = 0; row < filled; row++) {
    const own = min(row, rows - 1);
    const asking = query + own / heads;
    const index = <usize>asking * headCount + head + own % heads;
    const place = scratch + (<usize>row << 2);
    const y = out + ((index * valueSize) << 2);
    i32.store(place, <i32>(q + ((index * headSize) << 2)), QUERIES);
    i32.store(place, <i32>y, OUTPUTS);
    i32.store(place, row < rows ? keyCountOf(ranges, asking, rangeCount) : 0, LENGTHS);
    zeroRow(y, valueSize);
  }
  const range = ranges + ((<usize>longest * rangeCount) << 3);
  const last = range + ((rangeCount - 1) << 3);
  beginKeys(scratch, range);
  const laneBytes = <usize>((headSize + 3) >> 2) << 6;
  for (let before = 0; ; before += KEY_BLOCK) {
    const count = nextKeys(scratch, last);
    if (count == 0) break;
    for (let row = 0; row < filled; row++) {
      const place = scratch + (<usize>row << 2);
      i32.store(place, max(0, min(KEY_BLOCK, i32.load(place, LENGTHS) - before)), COUNTS);
    }
    for (let s = 0; s < count; s += TILE_COLUMNS) {
      packKeys(scratch, keys, keyStride, s, count, headSize);
      for (let row = 0; row < rows; row += TILE_ROWS) {
        const place = scratch + (<usize>row << 2);
        const most = max(
          max(i32.load(place, COUNTS), i32.load(place, COUNTS + 4)), max(i32.load(place, COUNTS + 8), i32.load(place, COUNTS + 12)),
        );
        if (most <= s) continue;
        const q0 = <usize>i32.load(place, QUERIES), q1 = <usize>i32.load(place, QUERIES + 4);
        const q2 = <usize>i32.load(place, QUERIES + 8), q3 = <usize>i32.load(place, QUERIES + 12);
        for (let lane = 0; lane < 4; lane++) {
          const by = <usize>lane << 2;
          sumLane(
            q0 + by, q1 + by, q2 + by, q3 + by, scratch + PANEL + <usize>lane * laneBytes, (headSize - lane + 3) >> 2,
            scratch + LANES + <usize>lane * LANE_BYTES,
          );
        }
        addLanes(scratch + LANES, scale, scratch + SCORES + <usize>row * SCORE_BYTES + (<usize>s << 2));
      }
    }
    for (let row = 0; row < rows; row++) {
      const place = scratch + (<usize>row << 2);
      const own = i32.load(place, COUNTS);
      if (own > 0) weigh(scratch, row, own, before == 0, <usize>i32.load(place, OUTPUTS), valueSize);
    }
    for (let column = 0; column < valueSize; column += TILE_COLUMNS) {
      packValues(scratch, values, valueStride, count, column, valueSize);
      mixColumns(scratch, rows, column, min(TILE_COLUMNS, valueSize - column));
    }
  }
  for (let row = 0; row < rows; row++) {
    const index = <usize>(query + row / heads) * headCount + head + row % heads;
    finish(scratch, row, out + ((index * valueSize) << 2), valueSize, logNormaliser + (index << 2));
  }
}
