// One AdamW update over whole 64-byte lines, in place; AssemblyScript.
import { fma } from "../../backends/cpu/prelude.as";

/** w ← keep·w − rate·(c₁m)/(√(c₂v) + ε) with m, v updated by the gradient times the scalar at `scale`. Units: 16 elements. */
export function adamwLines(
  w: usize, m: usize, v: usize, gradient: usize, scale: usize, rate: f32, keep: f32, beta1: f32, rest1: f32, beta2: f32, rest2: f32, epsilon: f32,
  correction1: f32, correction2: f32, begin: usize, end: usize,
): void {
  const scales = v128.load32_splat(scale);
  for (let at = begin << 6; at < end << 6; at += 16) {
    const g = f32x4.mul(v128.load(gradient + at), scales);
    const mNext = fma(f32x4.splat(beta1), v128.load(m + at), f32x4.mul(f32x4.splat(rest1), g));
    const vNext = fma(f32x4.splat(beta2), v128.load(v + at), f32x4.mul(f32x4.splat(rest2), f32x4.mul(g, g)));
    const root = f32x4.add(f32x4.sqrt(f32x4.mul(vNext, f32x4.splat(correction2))), f32x4.splat(epsilon));
    const update = f32x4.div(f32x4.mul(mNext, f32x4.splat(correction1)), root);
    v128.store(m + at, mNext);
    v128.store(v + at, vNext);
    v128.store(w + at, fma(f32x4.splat(-rate), update, f32x4.mul(f32x4.splat(keep), v128.load(w + at))));
  }
}
