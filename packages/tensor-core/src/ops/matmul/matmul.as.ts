// Matrix products of many rows: operands packed, then register tiles of 4×8 (4×16 in the wide build); AssemblyScript.
// Strides are in elements. Sums over the inner axis run in blocks of 256 whatever the rows, columns and threads.
import { WIDE_TILES } from "../../backends/cpu/build.as";
import { fma, storeTransposed, threadScratch } from "../../backends/cpu/prelude.as";

// A panel of 8 columns × 256 steps is 8 KiB and stays in the first-level cache while tiles of rows pass by.
const INNER_BLOCK: i32 = 256;
const TILE_ROWS: i32 = 4;
const TILE_COLUMNS: i32 = WIDE_TILES ? 16 : 8;
/** Columns are packed in groups of this many in every build, so that callers need not know the tile. */
const COLUMN_GROUP: i32 = 16;

/** Packs up to four lines over `count` steps; `to` advances by `step` bytes a step of the inner axis. */
function packLines(from: usize, lineStride: usize, stepStride: usize, lines: i32, to: usize, step: usize, count: i32): void {
  if (lines == 4 && stepStride == 1) {
    const from1 = from + (lineStride << 2);
    const from2 = from1 + (lineStride << 2);
    const from3 = from2 + (lineStride << 2);
    let k = 0;
    for (; k <= count - 4; k += 4) {
      const at = <usize>k << 2;
      storeTransposed(to, step, v128.load(from + at), v128.load(from1 + at), v128.load(from2 + at), v128.load(from3 + at));
      to += 4 * step;
    }
    for (; k < count; k++) {
      const at = <usize>k << 2;
      f32.store(to, f32.load(from + at));
      f32.store(to, f32.load(from1 + at), 4);
      f32.store(to, f32.load(from2 + at), 8);
      f32.store(to, f32.load(from3 + at), 12);
      to += step;
    }
    return;
  }
  if (lines == 4 && lineStride == 1) {
    for (let k = 0; k < count; k++) {
      v128.store(to, v128.load(from));
      from += stepStride << 2;
      to += step;
    }
    return;
  }
  for (let k = 0; k < count; k++) {
    for (let line = 0; line < 4; line++) {
      const value: f32 = line < lines ? f32.load(from + ((<usize>line * lineStride) << 2)) : 0;
      f32.store(to + (<usize>line << 2), value);
    }
    from += stepStride << 2;
    to += step;
  }
}

/** Panels of `width` lines, [inner block][panel][step][width], zeros behind the last line. */
@inline
function packPanels(
  from: usize, lineStride: usize, stepStride: usize, to: usize, lineCount: i32, innerSize: i32, width: i32, begin: i32, end: i32,
): void {
  const panelCount = (lineCount + width - 1) / width;
  for (let block = 0; block < innerSize; block += INNER_BLOCK) {
    const count = min(INNER_BLOCK, innerSize - block);
    for (let panel = begin; panel < end; panel++) {
      const out = to + ((<usize>block * panelCount * width + <usize>panel * width * count) << 2);
      for (let group = 0; group < width; group += 4) {
        const line = panel * width + group;
        const source = from + ((<usize>line * lineStride + <usize>block * stepStride) << 2);
        packLines(source, lineStride, stepStride, max(0, min(4, lineCount - line)), out + (<usize>group << 2), <usize>width << 2, count);
      }
    }
  }
}

/** Units: panels of 4 rows. */
export function packRows(from: usize, rowStride: usize, stepStride: usize, to: usize, rowCount: i32, innerSize: i32, begin: i32, end: i32): void {
  packPanels(from, rowStride, stepStride, to, rowCount, innerSize, TILE_ROWS, begin, end);
}

/** Units: groups of 16 columns. */
export function packColumns(from: usize, columnStride: usize, stepStride: usize, to: usize, columnCount: i32, innerSize: i32, begin: i32, end: i32): void {
  const panelCount = (columnCount + TILE_COLUMNS - 1) / TILE_COLUMNS;
  const panels = COLUMN_GROUP / TILE_COLUMNS;
  packPanels(from, columnStride, stepStride, to, columnCount, innerSize, TILE_COLUMNS, begin * panels, min(end * panels, panelCount));
}

/** C[4, 8] (+)= panel a · panel b over `count` steps; eight vectors of sums stay in registers. */
@inline
function narrowTile(a: usize, b: usize, c: usize, rowBytes: usize, count: usize, accumulate: bool): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c10 = f32x4.splat(0), c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0), c30 = f32x4.splat(0), c31 = f32x4.splat(0);
  const last = a + (count << 4);
  while (a < last) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let value = v128.load32_splat(a);
    c00 = fma(value, b0, c00);
    c01 = fma(value, b1, c01);
    value = v128.load32_splat(a, 4);
    c10 = fma(value, b0, c10);
    c11 = fma(value, b1, c11);
    value = v128.load32_splat(a, 8);
    c20 = fma(value, b0, c20);
    c21 = fma(value, b1, c21);
    value = v128.load32_splat(a, 12);
    c30 = fma(value, b0, c30);
    c31 = fma(value, b1, c31);
    a += 16;
    b += 32;
  }
  if (accumulate) {
    const row1 = c + rowBytes, row2 = row1 + rowBytes, row3 = row2 + rowBytes;
    c00 = f32x4.add(v128.load(c), c00);
    c01 = f32x4.add(v128.load(c, 16), c01);
    c10 = f32x4.add(v128.load(row1), c10);
    c11 = f32x4.add(v128.load(row1, 16), c11);
    c20 = f32x4.add(v128.load(row2), c20);
    c21 = f32x4.add(v128.load(row2, 16), c21);
    c30 = f32x4.add(v128.load(row3), c30);
    c31 = f32x4.add(v128.load(row3, 16), c31);
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  c += rowBytes;
  v128.store(c, c10);
  v128.store(c, c11, 16);
  c += rowBytes;
  v128.store(c, c20);
  v128.store(c, c21, 16);
  c += rowBytes;
  v128.store(c, c30);
  v128.store(c, c31, 16);
}

/** The same for C[4, 16]: sixteen vectors, which are eight registers where the engine joins pairs. */
@inline
function wideTile(a: usize, b: usize, c: usize, rowBytes: usize, count: usize, accumulate: bool): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c02 = f32x4.splat(0), c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0), c12 = f32x4.splat(0), c13 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0), c22 = f32x4.splat(0), c23 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0), c32 = f32x4.splat(0), c33 = f32x4.splat(0);
  const last = a + (count << 4);
  while (a < last) {
    const b0 = v128.load(b), b1 = v128.load(b, 16), b2 = v128.load(b, 32), b3 = v128.load(b, 48);
    let value = v128.load32_splat(a);
    c00 = fma(value, b0, c00);
    c01 = fma(value, b1, c01);
    c02 = fma(value, b2, c02);
    c03 = fma(value, b3, c03);
    value = v128.load32_splat(a, 4);
    c10 = fma(value, b0, c10);
    c11 = fma(value, b1, c11);
    c12 = fma(value, b2, c12);
    c13 = fma(value, b3, c13);
    value = v128.load32_splat(a, 8);
    c20 = fma(value, b0, c20);
    c21 = fma(value, b1, c21);
    c22 = fma(value, b2, c22);
    c23 = fma(value, b3, c23);
    value = v128.load32_splat(a, 12);
    c30 = fma(value, b0, c30);
    c31 = fma(value, b1, c31);
    c32 = fma(value, b2, c32);
    c33 = fma(value, b3, c33);
    a += 16;
    b += 64;
  }
  if (accumulate) {
    let row = c;
    c00 = f32x4.add(v128.load(row), c00);
    c01 = f32x4.add(v128.load(row, 16), c01);
    c02 = f32x4.add(v128.load(row, 32), c02);
    c03 = f32x4.add(v128.load(row, 48), c03);
    row += rowBytes;
    c10 = f32x4.add(v128.load(row), c10);
    c11 = f32x4.add(v128.load(row, 16), c11);
    c12 = f32x4.add(v128.load(row, 32), c12);
    c13 = f32x4.add(v128.load(row, 48), c13);
    row += rowBytes;
    c20 = f32x4.add(v128.load(row), c20);
    c21 = f32x4.add(v128.load(row, 16), c21);
    c22 = f32x4.add(v128.load(row, 32), c22);
    c23 = f32x4.add(v128.load(row, 48), c23);
    row += rowBytes;
    c30 = f32x4.add(v128.load(row), c30);
    c31 = f32x4.add(v128.load(row, 16), c31);
    c32 = f32x4.add(v128.load(row, 32), c32);
    c33 = f32x4.add(v128.load(row, 48), c33);
  }
  v128.store(c, c00);
  v128.store(c, c01, 16);
  v128.store(c, c02, 32);
  v128.store(c, c03, 48);
  c += rowBytes;
  v128.store(c, c10);
  v128.store(c, c11, 16);
  v128.store(c, c12, 32);
  v128.store(c, c13, 48);
  c += rowBytes;
  v128.store(c, c20);
  v128.store(c, c21, 16);
  v128.store(c, c22, 32);
  v128.store(c, c23, 48);
  c += rowBytes;
  v128.store(c, c30);
  v128.store(c, c31, 16);
  v128.store(c, c32, 32);
  v128.store(c, c33, 48);
}

@inline
function tile(a: usize, b: usize, c: usize, rowBytes: usize, count: usize, accumulate: bool): void {
  if (WIDE_TILES) wideTile(a, b, c, rowBytes, count, accumulate);
  else narrowTile(a, b, c, rowBytes, count, accumulate);
}

/** A tile at the rim of C: computed whole in scratch memory, then only what exists is copied. */
function rimTile(a: usize, b: usize, c: usize, rowBytes: usize, count: usize, accumulate: bool, rows: i32, columns: i32): void {
  const whole = threadScratch();
  tile(a, b, whole, <usize>TILE_COLUMNS << 2, count, false);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const to = c + <usize>row * rowBytes + (<usize>column << 2);
      const value = f32.load(whole + (<usize>(row * TILE_COLUMNS + column) << 2));
      f32.store(to, accumulate ? f32.load(to) + value : value);
    }
  }
}

/** Units: blocks of `rowBlock` rows × `columnBlock` columns of C, row blocks outermost; both multiples of a tile. */
export function multiplyPacked(
  a: usize, b: usize, c: usize, rowStride: usize, rowCount: i32, columnCount: i32, innerSize: i32, accumulate: bool,
  rowBlock: i32, columnBlock: i32, begin: i32, end: i32,
): void {
  const rowBytes = rowStride << 2;
  const rowPanels = (rowCount + TILE_ROWS - 1) / TILE_ROWS;
  const columnPanels = (columnCount + TILE_COLUMNS - 1) / TILE_COLUMNS;
  const blocksAcross = (columnCount + columnBlock - 1) / columnBlock;
  for (let unit = begin; unit < end; unit++) {
    const firstRow = unit / blocksAcross * rowBlock;
    const firstColumn = unit % blocksAcross * columnBlock;
    const lastRow = min(firstRow + rowBlock, rowCount);
    const lastColumn = min(firstColumn + columnBlock, columnCount);
    for (let block = 0; block < innerSize; block += INNER_BLOCK) {
      const count = min(INNER_BLOCK, innerSize - block);
      const add = accumulate || block > 0;
      for (let column = firstColumn; column < lastColumn; column += TILE_COLUMNS) {
        const panelB = b + ((<usize>block * columnPanels * TILE_COLUMNS + <usize>column * count) << 2);
        for (let row = firstRow; row < lastRow; row += TILE_ROWS) {
          const panelA = a + ((<usize>block * rowPanels * TILE_ROWS + <usize>row * count) << 2);
          const at = c + ((<usize>row * rowStride + column) << 2);
          if (row + TILE_ROWS <= rowCount && column + TILE_COLUMNS <= columnCount) {
            tile(panelA, panelB, at, rowBytes, count, add);
          } else {
            rimTile(panelA, panelB, at, rowBytes, count, add, min(TILE_ROWS, rowCount - row), min(TILE_COLUMNS, columnCount - column));
          }
        }
      }
    }
  }
}
