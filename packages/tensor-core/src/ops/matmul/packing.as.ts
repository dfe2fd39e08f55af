// Operands of products of many rows, packed into panels in the order in which tiles read them; AssemblyScript. Strides are
// in elements.
import { storeTransposed } from "../../backends/cpu/prelude.as";
import { INNER_BLOCK, packedRows, panelRows, TILE_COLUMNS, TILE_ROWS } from "../../backends/cpu/tiles.as";

/** Rows and columns are packed in groups of so many in every build, so that callers need not know the tile. */
const ROW_GROUP: i32 = 12;
const COLUMN_GROUP: i32 = 16;
/** Panels are whole multiples of 4 KiB apart or half of one: a first-level cache holds a line of so many. */
const PANELS_AT_ONCE: i32 = 8;

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

/** The same for one or two lines. */
function packPair(from: usize, lineStride: usize, stepStride: usize, lines: i32, to: usize, step: usize, count: i32): void {
  const from1 = from + (lineStride << 2);
  let k = 0;
  if (lines == 2 && stepStride == 1) {
    for (; k <= count - 4; k += 4) {
      const at = <usize>k << 2;
      const a = v128.load(from + at), b = v128.load(from1 + at);
      const low = v128.shuffle<f32>(a, b, 0, 4, 1, 5), high = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
      v128.store_lane<u64>(to, low, 0);
      v128.store_lane<u64>(to + step, low, 1);
      v128.store_lane<u64>(to + 2 * step, high, 0);
      v128.store_lane<u64>(to + 3 * step, high, 1);
      to += 4 * step;
    }
  }
  for (; k < count; k++) {
    const at = (<usize>k * stepStride) << 2;
    f32.store(to, lines > 0 ? f32.load(from + at) : 0);
    f32.store(to, lines > 1 ? f32.load(from1 + at) : 0, 4);
    to += step;
  }
}

/** A panel of `width` lines, [step][width], `lines` of which exist; zeros behind them. */
@inline
function packPanel(from: usize, lineStride: usize, stepStride: usize, lines: i32, to: usize, width: i32, count: i32): void {
  const step = <usize>width << 2;
  for (let group = 0; group < width; group += 4) {
    const source = from + ((<usize>group * lineStride) << 2), out = to + (<usize>group << 2);
    if (width - group >= 4) packLines(source, lineStride, stepStride, max(0, min(4, lines - group)), out, step, count);
    else packPair(source, lineStride, stepStride, max(0, min(2, lines - group)), out, step, count);
  }
}

/**
 * `panels` whole panels of lines that lie side by side: step after step for a few panels at once, since a step of one panel
 * is less than a line of the cache.
 */
@inline
function packWholePanels(from: usize, stepStride: usize, panels: i32, to: usize, width: i32, count: i32): void {
  const step = <usize>width << 2;
  for (let panel = 0; panel < panels; panel += PANELS_AT_ONCE) {
    const last = min(panel + PANELS_AT_ONCE, panels);
    for (let k = 0; k < count; k++) {
      let source = from + ((<usize>k * stepStride) << 2) + <usize>panel * step;
      let out = to + (<usize>panel * count + k) * step;
      for (let at = panel; at < last; at++) {
        v128.store(out, v128.load(source));
        if (width == 6) {
          store<u64>(out, load<u64>(source, 16), 16);
        } else if (width >= 8) {
          v128.store(out, v128.load(source, 16), 16);
        }
        if (width == 16) {
          v128.store(out, v128.load(source, 32), 32);
          v128.store(out, v128.load(source, 48), 48);
        }
        source += step;
        out += step * count;
      }
    }
  }
}

/** [inner block][panel][step][row]. Units: groups of 12 rows. */
export function packRows(from: usize, rowStride: usize, stepStride: usize, to: usize, rowCount: i32, innerSize: i32, begin: i32, end: i32): void {
  const rows = packedRows(rowCount);
  for (let block = 0; block < innerSize; block += INNER_BLOCK) {
    const count = min(INNER_BLOCK, innerSize - block);
    const last = min(end * ROW_GROUP, rowCount);
    let row = begin * ROW_GROUP;
    if (rowStride == 1) {
      const panels = (last - row) / TILE_ROWS;
      const source = from + ((<usize>row + <usize>block * stepStride) << 2);
      packWholePanels(source, stepStride, panels, to + ((<usize>block * rows + <usize>row * count) << 2), TILE_ROWS, count);
      row += panels * TILE_ROWS;
    }
    for (; row < last; row += TILE_ROWS) {
      const source = from + ((<usize>row * rowStride + <usize>block * stepStride) << 2);
      const out = to + ((<usize>block * rows + <usize>row * count) << 2);
      packPanel(source, rowStride, stepStride, rowCount - row, out, panelRows(row, rowCount), count);
    }
  }
}

/** [inner block][panel][step][column]. Units: groups of 16 columns. */
export function packColumns(from: usize, columnStride: usize, stepStride: usize, to: usize, columnCount: i32, innerSize: i32, begin: i32, end: i32): void {
  const panelCount = (columnCount + TILE_COLUMNS - 1) / TILE_COLUMNS;
  for (let block = 0; block < innerSize; block += INNER_BLOCK) {
    const count = min(INNER_BLOCK, innerSize - block);
    const last = min(end * COLUMN_GROUP, columnCount);
    let column = begin * COLUMN_GROUP;
    if (columnStride == 1) {
      const panels = (last - column) / TILE_COLUMNS;
      const source = from + ((<usize>column + <usize>block * stepStride) << 2);
      packWholePanels(source, stepStride, panels, to + ((<usize>block * panelCount * TILE_COLUMNS + <usize>column * count) << 2), TILE_COLUMNS, count);
      column += panels * TILE_COLUMNS;
    }
    for (; column < last; column += TILE_COLUMNS) {
      const source = from + ((<usize>column * columnStride + <usize>block * stepStride) << 2);
      const out = to + ((<usize>block * panelCount * TILE_COLUMNS + <usize>column * count) << 2);
      packPanel(source, columnStride, stepStride, columnCount - column, out, TILE_COLUMNS, count);
    }
  }
}
