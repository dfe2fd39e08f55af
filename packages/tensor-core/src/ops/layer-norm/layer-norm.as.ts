// LayerNorm of rows and its gradients; AssemblyScript.
import { fma, horizontalSum, loadPartial, storePartial } from "../../backends/cpu/prelude.as";

@inline
function meanOf(x: usize, width: i32): f32 {
  let sums = f32x4.splat(0);
  let k = 0;
  for (; k <= width - 4; k += 4) sums = f32x4.add(sums, v128.load(x + (<usize>k << 2)));
  let sum = horizontalSum(sums);
  for (; k < width; k++) sum += f32.load(x + (<usize>k << 2));
  return sum / <f32>width;
}

/** 1/√(var + ε), from deviations: squares of the rows themselves would cancel where the mean is large. */
@inline
function inverseDeviation(x: usize, mean: f32, width: i32, epsilon: f32): f32 {
  const means = f32x4.splat(mean);
  let sums = f32x4.splat(0);
  let k = 0;
  for (; k <= width - 4; k += 4) {
    const deviation = f32x4.sub(v128.load(x + (<usize>k << 2)), means);
    sums = fma(deviation, deviation, sums);
  }
  let sum = horizontalSum(sums);
  for (; k < width; k++) {
    const deviation = f32.load(x + (<usize>k << 2)) - mean;
    sum += deviation * deviation;
  }
  return 1 / sqrt<f32>(sum / <f32>width + epsilon);
}

/** Units: rows. */
export function layerNormRows(
  x: usize, weight: usize, bias: usize, y: usize, width: i32, epsilon: f32, begin: usize, end: usize,
): void {
  for (let row = begin; row < end; row++) {
    const at = (row * width) << 2;
    const mean = meanOf(x + at, width);
    const means = f32x4.splat(mean);
    const scale = f32x4.splat(inverseDeviation(x + at, mean, width, epsilon));
    let k = 0;
    for (; k <= width - 4; k += 4) {
      const offset = <usize>k << 2;
      const normed = f32x4.mul(f32x4.sub(v128.load(x + at + offset), means), scale);
      v128.store(y + at + offset, fma(normed, v128.load(weight + offset), v128.load(bias + offset)));
    }
    if (k < width) {
      const offset = <usize>k << 2;
      const rest = width - k;
      const normed = f32x4.mul(f32x4.sub(loadPartial(x + at + offset, rest), means), scale);
      storePartial(y + at + offset, fma(normed, loadPartial(weight + offset, rest), loadPartial(bias + offset, rest)), rest);
    }
  }
}

/** dx of rows, and the mean and scale of each for the gradient of the weight. Units: rows. */
export function layerNormGradRows(
  x: usize, weight: usize, g: usize, dx: usize, moments: usize, width: i32, epsilon: f32, begin: usize, end: usize,
): void {
  for (let row = begin; row < end; row++) {
    const at = (row * width) << 2;
    const mean = meanOf(x + at, width);
    const scale = inverseDeviation(x + at, mean, width, epsilon);
    f32.store(moments + (row << 3), mean);
    f32.store(moments + (row << 3), scale, 4);
    const means = f32x4.splat(mean);
    const scales = f32x4.splat(scale);
    // Lanes past the row hold zero gradients, so that they add nothing to either sum.
    let total = f32x4.splat(0);
    let along = f32x4.splat(0);
    for (let k = 0; k < width; k += 4) {
      const offset = <usize>k << 2;
      const rest = width - k;
      const w = rest >= 4 ? v128.load(weight + offset) : loadPartial(weight + offset, rest);
      const gradient = rest >= 4 ? v128.load(g + at + offset) : loadPartial(g + at + offset, rest);
      const value = rest >= 4 ? v128.load(x + at + offset) : loadPartial(x + at + offset, rest);
      const scaled = f32x4.mul(w, gradient);
      total = f32x4.add(total, scaled);
      along = fma(scaled, f32x4.mul(f32x4.sub(value, means), scales), along);
    }
    const level = f32x4.splat(horizontalSum(total) / <f32>width);
    const pull = f32x4.splat(horizontalSum(along) / <f32>width);
    for (let k = 0; k < width; k += 4) {
      const offset = <usize>k << 2;
      const rest = width - k;
      const w = rest >= 4 ? v128.load(weight + offset) : loadPartial(weight + offset, rest);
      const gradient = rest >= 4 ? v128.load(g + at + offset) : loadPartial(g + at + offset, rest);
      const value = rest >= 4 ? v128.load(x + at + offset) : loadPartial(x + at + offset, rest);
      const normed = f32x4.mul(f32x4.sub(value, means), scales);
      const free = f32x4.sub(f32x4.sub(f32x4.mul(w, gradient), level), f32x4.mul(normed, pull));
      const slope = f32x4.mul(scales, free);
      if (rest >= 4) v128.store(dx + at + offset, slope);
      else storePartial(dx + at + offset, slope, rest);
    }
  }
}

/** dweight = Σ_rows g·(x − mean)·scale, rows in order, in blocks so that long sums lose little. Units: 4 columns. */
export function layerNormGradWeight(
  x: usize, g: usize, moments: usize, dweight: usize, width: i32, rowCount: i32, begin: i32, end: i32,
): void {
  for (let unit = begin; unit < end; unit++) {
    const column = unit * 4;
    const count = width - column;
    let total = f32x4.splat(0);
    for (let first = 0; first < rowCount; first += 64) {
      let sum = f32x4.splat(0);
      for (let row = first; row < min(first + 64, rowCount); row++) {
        const at = (<usize>row * width + column) << 2;
        const gradient = count >= 4 ? v128.load(g + at) : loadPartial(g + at, count);
        const value = count >= 4 ? v128.load(x + at) : loadPartial(x + at, count);
        const mean = v128.load32_splat(moments + (<usize>row << 3));
        const scale = v128.load32_splat(moments + (<usize>row << 3) + 4);
        sum = fma(gradient, f32x4.mul(f32x4.sub(value, mean), scale), sum);
      }
      total = f32x4.add(total, sum);
    }
    const to = dweight + (<usize>column << 2);
    if (count >= 4) v128.store(to, total);
    else storePartial(to, total, count);
  }
}
