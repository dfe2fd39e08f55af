// Rows of float32 into panels of integer blocks, to the last bit as blocks.ts makes them; AssemblyScript. Where a scale or
// a quotient is rounded decides bits, so both are computed in float64 as there. Knows not how integers are laid out.

/** The entry of largest magnitude among `count`, the first of equals, with its sign. */
@inline
export function extremeOf(from: usize, count: i32): f32 {
  let most: f32 = 0;
  for (let k = 0; k < count; k++) {
    const value = f32.load(from + (<usize>k << 2));
    if (abs(value) > abs(most)) most = value;
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
