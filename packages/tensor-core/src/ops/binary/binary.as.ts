// Functions of two numbers, named after the rows of the table, over rows whose operands are vectors or one repeated
// number; AssemblyScript.
import { loadPartial, storePartial, vexp, vlog1p } from "../../backends/cpu/prelude.as";

const ADD: i32 = 0;
const SUBTRACT: i32 = 1;
const MULTIPLY: i32 = 2;
const DIVIDE: i32 = 3;
const MINIMUM: i32 = 4;
const MAXIMUM: i32 = 5;
const GREATER_EQUAL: i32 = 6;
const LOG_ADD_EXP: i32 = 7;
const SCALED_SIGMOID: i32 = 8;

@inline
function applyTo(row: i32, a: v128, b: v128): v128 {
  if (row == ADD) return f32x4.add(a, b);
  if (row == SUBTRACT) return f32x4.sub(a, b);
  if (row == MULTIPLY) return f32x4.mul(a, b);
  if (row == DIVIDE) return f32x4.div(a, b);
  if (row == MINIMUM) return v128.bitselect(a, b, f32x4.ge(b, a));
  if (row == MAXIMUM) return v128.bitselect(a, b, f32x4.ge(a, b));
  if (row == GREATER_EQUAL) return v128.and(f32x4.splat(1), f32x4.ge(a, b));
  if (row == LOG_ADD_EXP) return f32x4.add(f32x4.max(a, b), vlog1p(vexp(f32x4.neg(f32x4.abs(f32x4.sub(a, b))))));
  const zero = f32x4.splat(0);
  const e = vexp(f32x4.neg(f32x4.abs(a)));
  const scaled = f32x4.mul(b, e);
  const above = f32x4.div(b, f32x4.add(b, e));
  const below = f32x4.div(scaled, f32x4.add(f32x4.splat(1), scaled));
  return v128.andnot(v128.bitselect(above, below, f32x4.ge(a, zero)), f32x4.le(b, zero));
}

/** Units: rows of `width`, the last of them cut at `total`. Strides are in elements, those of columns 0 or 1. */
@inline
function mapRows(
  row: i32, a: usize, aRow: usize, aColumn: i32, b: usize, bRow: usize, bColumn: i32, y: usize, width: i32, total: usize, begin: usize, end: usize,
): void {
  for (let unit = begin; unit < end; unit++) {
    const first = unit * width;
    const count = <i32>min<usize>(width, total - first);
    let from = a + ((unit * aRow) << 2);
    let other = b + ((unit * bRow) << 2);
    let to = y + (first << 2);
    const aOnce = v128.load32_splat(from);
    const bOnce = v128.load32_splat(other);
    let k = 0;
    for (; k <= count - 4; k += 4) {
      v128.store(to, applyTo(row, aColumn ? v128.load(from) : aOnce, bColumn ? v128.load(other) : bOnce));
      from += 16;
      other += 16;
      to += 16;
    }
    if (k < count) {
      const rest = count - k;
      const left = aColumn ? loadPartial(from, rest) : aOnce;
      const right = bColumn ? loadPartial(other, rest) : bOnce;
      storePartial(to, applyTo(row, left, right), rest);
    }
  }
}

export function binary_add(
  a: usize, aRow: usize, aColumn: i32, b: usize, bRow: usize, bColumn: i32, y: usize, width: i32, total: usize, begin: usize, end: usize,
): void {
  mapRows(ADD, a, aRow, aColumn, b, bRow, bColumn, y, width, total, begin, end);
}
export function binary_subtract(
  a: usize, aRow: usize, aColumn: i32, b: usize, bRow: usize, bColumn: i32, y: usize, width: i32, total: usize, begin: usize, end: usize,
): void {
  mapRows(SUBTRACT, a, aRow, aColumn, b, bRow, bColumn, y, width, total, begin, end);
}
export function binary_multiply(
  a: usize, aRow: usize, aColumn: i32, b: usize, bRow: usize, bColumn: i32, y: usize, width: i32, total: usize, begin: usize, end: usize,
): void {
  mapRows(MULTIPLY, a, aRow, aColumn, b, bRow, bColumn, y, width, total, begin, end);
}
export function binary_divide(
  a: usize, aRow: usize, aColumn: i32, b: usize, bRow: usize, bColumn: i32, y: usize, width: i32, total: usize, begin: usize, end: usize,
): void {
  mapRows(DIVIDE, a, aRow, aColumn, b, bRow, bColumn, y, width, total, begin, end);
}
export function binary_minimum(
  a: usize, aRow: usize, aColumn: i32, b: usize, bRow: usize, bColumn: i32, y: usize, width: i32, total: usize, begin: usize, end: usize,
): void {
  mapRows(MINIMUM, a, aRow, aColumn, b, bRow, bColumn, y, width, total, begin, end);
}
export function binary_maximum(
  a: usize, aRow: usize, aColumn: i32, b: usize, bRow: usize, bColumn: i32, y: usize, width: i32, total: usize, begin: usize, end: usize,
): void {
  mapRows(MAXIMUM, a, aRow, aColumn, b, bRow, bColumn, y, width, total, begin, end);
}
export function binary_greaterEqual(
  a: usize, aRow: usize, aColumn: i32, b: usize, bRow: usize, bColumn: i32, y: usize, width: i32, total: usize, begin: usize, end: usize,
): void {
  mapRows(GREATER_EQUAL, a, aRow, aColumn, b, bRow, bColumn, y, width, total, begin, end);
}
export function binary_logAddExp(
  a: usize, aRow: usize, aColumn: i32, b: usize, bRow: usize, bColumn: i32, y: usize, width: i32, total: usize, begin: usize, end: usize,
): void {
  mapRows(LOG_ADD_EXP, a, aRow, aColumn, b, bRow, bColumn, y, width, total, begin, end);
}
export function binary_scaledSigmoid(
  a: usize, aRow: usize, aColumn: i32, b: usize, bRow: usize, bColumn: i32, y: usize, width: i32, total: usize, begin: usize, end: usize,
): void {
  mapRows(SCALED_SIGMOID, a, aRow, aColumn, b, bRow, bColumn, y, width, total, begin, end);
}
