// Scales of blocks, and rows of float32 into panels of integer blocks, to the last bit as blocks.ts makes them; AssemblyScript. Where a scale or
// a quotient is rounded decides bits, so both are computed in float64 as there. Knows not how integers are laid out.
import { HALF_BIAS, halfBias, movedHalves } from "../backends/cpu/prelude.as";

/** Bytes of the scales of a block: binary16 of its eight rows. */
export const SCALE_BYTES: usize = 16;

/** Scales of four rows, those at `from`, smaller by 2^112: their bits have but moved to the places of float32. */
@inline
export function loadMovedScales(from: usize): v128 {
  return v128.and(i32x4.shl(v128.load16x4_s(from), 13), movedHalves());
}

/** The same of scales that are not negative. */
@inline
export function loadMovedMagnitudes(from: usize): v128 {
  return i32x4.shl(v128.load16x4_u(from), 13);
}

/** Scales of four rows as float32. */
@inline
export function loadScales(from: usize): v128 {
  return f32x4.mul(loadMovedScales(from), halfBias());
}

/** The scale of a row of a block. */
@inline
export function loadScale(block: usize, row: i32): f32 {
  const half = <u32>load<u16>(block + (<usize>row << 1));
  return reinterpret<f32>((half & 0x8000) << 16 | (half & 0x7fff) << 13) * HALF_BIAS;
}

/** Stores the least binary16 that is no smaller in magnitude, and returns it; `refused` becomes 1 where there is none. */
export function storeScale(block: usize, row: i32, scale: f32, refused: usize): f32 {
  const bits = reinterpret<u32>(scale);
  const magnitude = bits & 0x7fffffff;
  let half: u32 = 0;
  if (magnitude > 0x477fe000) store<i32>(refused, 1);
  else if (magnitude >= 0x38800000) half = magnitude - 0x38000000 + 0x1fff >> 13;
  else half = <u32>ceil<f64>(<f64>abs(scale) * 16777216);
  store<u16>(block + (<usize>row << 1), <u16>(bits >> 16 & 0x8000 | half));
  return loadScale(block, row);
}

/** The entry of largest magnitude among `count`, the first of equals, with its sign. */
@inline
export function extremeOf(from: usize, count: i32): f32 {
  let most: f32 = 0;
  for (let k = 0; k < count; k++) {
    const value = f32.load(from + (<usize>k << 2));
    // What is no number has no scale, which is then refused.
    if (abs(value) > abs(most) || value != value) most = value;
  }
  return most;
}

/** The whole number nearest to value/scale in [lowest, highest], halves upwards; 0 of what is no number. */
@inline
export function quantise(value: f32, scale: f32, lowest: f64, highest: f64): i32 {
  if (scale == 0) return 0;
  const nearest = floor<f64>(<f64>value / <f64>scale + 0.5);
  return nearest == nearest ? <i32>max<f64>(lowest, min<f64>(highest, nearest)) : 0;
}
