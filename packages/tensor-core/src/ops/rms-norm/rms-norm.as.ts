// RMSNorm of rows and its gradients; AssemblyScript.
import { dot, fma, horizontalSum, loadPartial, storePartial } from "../../backends/cpu/prelude.as";

@inline
function inverseRms(x: usize, width: i32, epsilon: f32): f32 {
  return 1 / sqrt<f32>(dot(x, x, width) / <f32>width + epsilon);
}

/** Units: rows. */
export function rmsNormRows(x: usize, weight: usize, y: usize, width: i32, epsilon: f32, begin: usize, end: usize): void {
  for (let row = begin; row < end; row++) {
    let from = x + ((row * width) << 2);
    let to = y + ((row * width) << 2);
    let w = weight;
    const scale = f32x4.splat(inverseRms(from, width, epsilon));
    let k = 0;
    for (; k <= width - 4; k += 4) {
      v128.store(to, f32x4.mul(f32x4.mul(v128.load(from), scale), v128.load(w)));
      from += 16;
      to += 16;
      w += 16;
    }
    if (k < width) {
      const rest = width - k;
      storePartial(to, f32x4.mul(f32x4.mul(loadPartial(from, rest), scale), loadPartial(w, rest)), rest);
    }
  }
}

/** dx of rows, and the scale of each for the gradient of the weight. Units: rows. */
export function rmsNormGradRows(
  x: usize, weight: usize, g: usize, dx: usize, scales: usize, width: i32, epsilon: f32, begin: usize, end: usize,
): void {
  for (let row = begin; row < end; row++) {
    const at = (row * width) << 2;
    const scale = inverseRms(x + at, width, epsilon);
    f32.store(scales + (row << 2), scale);
    let sum = f32x4.splat(0);
    let k = 0;
    for (; k <= width - 4; k += 4) {
      const offset = <usize>k << 2;
      sum = fma(f32x4.mul(v128.load(weight + offset), v128.load(g + at + offset)), v128.load(x + at + offset), sum);
    }
    if (k < width) {
      const offset = <usize>k << 2;
      const rest = width - k;
      sum = fma(f32x4.mul(loadPartial(weight + offset, rest), loadPartial(g + at + offset, rest)), loadPartial(x + at + offset, rest), sum);
    }
    const pull = f32x4.splat((horizontalSum(sum) * scale * scale * scale) / <f32>width);
    const scales4 = f32x4.splat(scale);
    k = 0;
    for (; k <= width - 4; k += 4) {
      const offset = <usize>k << 2;
      const straight = f32x4.mul(f32x4.mul(scales4, v128.load(weight + offset)), v128.load(g + at + offset));
      v128.store(dx + at + offset, f32x4.sub(straight, f32x4.mul(v128.load(x + at + offset), pull)));
    }
    if (k < width) {
      const offset = <usize>k << 2;
      const rest = width - k;
      const straight = f32x4.mul(f32x4.mul(scales4, loadPartial(weight + offset, rest)), loadPartial(g + at + offset, rest));
      storePartial(dx + at + offset, f32x4.sub(straight, f32x4.mul(loadPartial(x + at + offset, rest), pull)), rest);
    }
  }
}

/** dweight = Σ_rows g·x·scale, rows in order, in blocks so that long sums lose little. Units: 4 columns. */
export function rmsNormGradWeight(x: usize, g: usize, scales: usize, dweight: usize, width: i32, rowCount: i32, begin: i32, end: i32): void {
  for (let unit = begin; unit < end; unit++) {
    const column = unit * 4;
    const count = width - column;
    let total = f32x4.splat(0);
    for (let first = 0; first < rowCount; first += 64) {
      let sum = f32x4.splat(0);
      for (let row = first; row < min(first + 64, rowCount); row++) {
        const at = (<usize>row * width + column) << 2;
        const left = count >= 4 ? v128.load(g + at) : loadPartial(g + at, count);
        const right = count >= 4 ? v128.load(x + at) : loadPartial(x + at, count);
        sum = fma(f32x4.mul(left, right), v128.load32_splat(scales + (<usize>row << 2)), sum);
      }
      total = f32x4.add(total, sum);
    }
    const to = dweight + (<usize>column << 2);
    if (count >= 4) v128.store(to, total);
    else storePartial(to, total, count);
  }
}
