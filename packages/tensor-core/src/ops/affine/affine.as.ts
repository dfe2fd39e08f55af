// scale·x + shift over whole 64-byte lines; AssemblyScript.

export function affineLines(x: usize, y: usize, scale: f32, shift: f32, begin: usize, end: usize): void {
  const a = f32x4.splat(scale);
  const b = f32x4.splat(shift);
  // Not fused: x·1 + 0 and x·(−1) must stay exact, and one rounding more keeps both variants equal.
  for (let at = begin << 6; at < end << 6; at += 16) v128.store(y + at, f32x4.add(f32x4.mul(a, v128.load(x + at)), b));
}
