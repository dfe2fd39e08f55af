// The tiles of matrix products and what packed operands are made of, in each build; AssemblyScript. Knows no kernel.
import { WIDE_TILES } from "./build.as";

// A panel of 8 columns × 256 steps is 8 KiB and stays in the first-level cache while tiles of rows pass by.
export const INNER_BLOCK: i32 = 256;
export const TILE_ROWS: i32 = WIDE_TILES ? 6 : 4;
/** What is left of the rows behind the last whole tile is one of this many, where that suffices. */
export const LAST_TILE_ROWS: i32 = 4;
export const TILE_COLUMNS: i32 = WIDE_TILES ? 16 : 8;

/** Rows that panels hold from `row` on. */
@inline
export function panelRows(row: i32, rowCount: i32): i32 {
  return rowCount - row <= LAST_TILE_ROWS ? LAST_TILE_ROWS : TILE_ROWS;
}

/** Rows that all panels hold together. */
@inline
export function packedRows(rowCount: i32): i32 {
  const last = (rowCount - 1) / TILE_ROWS * TILE_ROWS;
  return last + panelRows(last, rowCount);
}
