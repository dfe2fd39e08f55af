// Matrix products of many rows: operands packed before, then register tiles of 4×8 (6×16 in the wide build); AssemblyScript.
// Strides are in elements. Sums over the inner axis run in blocks of 256 whatever the rows, columns and threads.
import { WIDE_TILES } from "../../backends/cpu/build.as";
import { fma, threadScratch } from "../../backends/cpu/prelude.as";
import { INNER_BLOCK, packedRows, panelRows, TILE_COLUMNS, TILE_ROWS } from "../../backends/cpu/tiles.as";

/** C[4, 8] (+)= panel a · panel b over `count` steps; eight vectors of sums stay in registers. */
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
function lastWideTile(a: usize, b: usize, c: usize, rowBytes: usize, count: usize, accumulate: bool): void {
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

/** The same for C[6, 16]: 24 vectors, which are twelve registers where the engine joins pairs. */
function wideTile(a: usize, b: usize, c: usize, rowBytes: usize, count: usize, accumulate: bool): void {
  let c00 = f32x4.splat(0), c01 = f32x4.splat(0), c02 = f32x4.splat(0), c03 = f32x4.splat(0);
  let c10 = f32x4.splat(0), c11 = f32x4.splat(0), c12 = f32x4.splat(0), c13 = f32x4.splat(0);
  let c20 = f32x4.splat(0), c21 = f32x4.splat(0), c22 = f32x4.splat(0), c23 = f32x4.splat(0);
  let c30 = f32x4.splat(0), c31 = f32x4.splat(0), c32 = f32x4.splat(0), c33 = f32x4.splat(0);
  let c40 = f32x4.splat(0), c41 = f32x4.splat(0), c42 = f32x4.splat(0), c43 = f32x4.splat(0);
  let c50 = f32x4.splat(0), c51 = f32x4.splat(0), c52 = f32x4.splat(0), c53 = f32x4.splat(0);
  const last = a + 24 * count;
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
    value = v128.load32_splat(a, 16);
    c40 = fma(value, b0, c40);
    c41 = fma(value, b1, c41);
    c42 = fma(value, b2, c42);
    c43 = fma(value, b3, c43);
    value = v128.load32_splat(a, 20);
    c50 = fma(value, b0, c50);
    c51 = fma(value, b1, c51);
    c52 = fma(value, b2, c52);
    c53 = fma(value, b3, c53);
    a += 24;
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
    row += rowBytes;
    c40 = f32x4.add(v128.load(row), c40);
    c41 = f32x4.add(v128.load(row, 16), c41);
    c42 = f32x4.add(v128.load(row, 32), c42);
    c43 = f32x4.add(v128.load(row, 48), c43);
    row += rowBytes;
    c50 = f32x4.add(v128.load(row), c50);
    c51 = f32x4.add(v128.load(row, 16), c51);
    c52 = f32x4.add(v128.load(row, 32), c52);
    c53 = f32x4.add(v128.load(row, 48), c53);
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
  c += rowBytes;
  v128.store(c, c40);
  v128.store(c, c41, 16);
  v128.store(c, c42, 32);
  v128.store(c, c43, 48);
  c += rowBytes;
  v128.store(c, c50);
  v128.store(c, c51, 16);
  v128.store(c, c52, 32);
  v128.store(c, c53, 48);
}

@inline
function tile(a: usize, b: usize, c: usize, rowBytes: usize, count: usize, accumulate: bool, rows: i32): void {
  if (!WIDE_TILES) narrowTile(a, b, c, rowBytes, count, accumulate);
  else if (rows == TILE_ROWS) wideTile(a, b, c, rowBytes, count, accumulate);
  else lastWideTile(a, b, c, rowBytes, count, accumulate);
}

/** A tile at the rim of C: computed whole in scratch memory, then only what exists is copied. */
function rimTile(
  a: usize, b: usize, c: usize, rowBytes: usize, count: usize, accumulate: bool, tileRows: i32, rows: i32, columns: i32,
): void {
  const whole = threadScratch();
  tile(a, b, whole, <usize>TILE_COLUMNS << 2, count, false, tileRows);
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
  const rows = packedRows(rowCount);
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
          const panelA = a + ((<usize>block * rows + <usize>row * count) << 2);
          const at = c + ((<usize>row * rowStride + column) << 2);
          const tileRows = panelRows(row, rowCount);
          if (row + tileRows <= rowCount && column + TILE_COLUMNS <= columnCount) {
            tile(panelA, panelB, at, rowBytes, count, add, tileRows);
          } else {
            rimTile(panelA, panelB, at, rowBytes, count, add, tileRows, min(tileRows, rowCount - row), min(TILE_COLUMNS, columnCount - column));
          }
        }
      }
    }
  }
}
