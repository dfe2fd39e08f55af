// layerNorm and its gradient on webgpu: one workgroup a row; the weight's gradient is a sum over rows of its products.
import { defaultLanes, defineKernel, gridOf, laneReductions } from "../../backends/webgpu/kernel.ts";
import { sumPasses } from "../../backends/webgpu/kernels/sum.ts";
import { input, output, scratch, type WgslCall, type WgslProgram } from "../../backends/webgpu/program.ts";
import type { LayerNormAttrs } from "./op.ts";

const moments = `
  var sum = 0.0;
  for (var k = lane; k < params.width; k += ${defaultLanes}u) { sum += X[first + k]; }
  let mean = sumOver(lane, sum) / f32(params.width);
  var squares = 0.0;
  for (var k = lane; k < params.width; k += ${defaultLanes}u) {
    let deviation = X[first + k] - mean;
    squares += deviation * deviation;
  }
  let scale = inverseSqrt(sumOver(lane, squares) / f32(params.width) + params.epsilon);`;

const kernel = defineKernel({
  label: "layer-norm",
  buffers: { X: "read f32", Weight: "read f32", Bias: "read f32", Y: "write f32" },
  uniforms: { rowCount: "u32", width: "u32", epsilon: "f32" },
  globals: laneReductions,
  body: `
  if (group >= params.rowCount) { return; }
  let first = group * params.width;
  ${moments}
  for (var k = lane; k < params.width; k += ${defaultLanes}u) {
    Y[first + k] = (X[first + k] - mean) * scale * Weight[k] + Bias[k];
  }
`,
});

const gradKernel = defineKernel({
  label: "layer-norm-grad",
  buffers: { X: "read f32", Weight: "read f32", G: "read f32", DX: "write f32", Products: "write f32" },
  uniforms: { rowCount: "u32", width: "u32", epsilon: "f32" },
  globals: laneReductions,
  body: `
  if (group >= params.rowCount) { return; }
  let first = group * params.width;
  ${moments}
  var total = 0.0;
  var along = 0.0;
  for (var k = lane; k < params.width; k += ${defaultLanes}u) {
    let scaled = Weight[k] * G[first + k];
    total += scaled;
    along += scaled * (X[first + k] - mean) * scale;
  }
  let level = sumOver(lane, total) / f32(params.width);
  let pull = sumOver(lane, along) / f32(params.width);
  for (var k = lane; k < params.width; k += ${defaultLanes}u) {
    let normed = (X[first + k] - mean) * scale;
    let g = G[first + k];
    DX[first + k] = scale * (Weight[k] * g - level - normed * pull);
    Products[first + k] = g * normed;
  }
`,
});

export function wgslLayerNorm({ inputs, attrs: { epsilon }, limits }: WgslCall<LayerNormAttrs>): WgslProgram {
  const [rowCount, width] = inputs[0]!.shape as [number, number];
  const buffers = { X: input(0), Weight: input(1), Bias: input(2), Y: output(0) };
  return { passes: [kernel(buffers, { rowCount, width, epsilon }, gridOf(limits, rowCount))] };
}

export function wgslLayerNormGrad({ inputs, attrs: { epsilon }, limits }: WgslCall<LayerNormAttrs>): WgslProgram {
  const [rowCount, width] = inputs[0]!.shape as [number, number];
  const buffers = { X: input(0), Weight: input(1), G: input(2), DX: output(0), Products: scratch(0) };
  const rows = gradKernel(buffers, { rowCount, width, epsilon }, gridOf(limits, rowCount));
  const plan = {
    op: "layerNormGrad",
    from: [rowCount, width],
    to: [width],
    source: scratch(0),
    target: output(1),
    firstScratch: 1,
  };
  const sums = sumPasses(plan, limits);
  return { passes: [rows, ...sums.passes], scratch: [4 * rowCount * width, ...sums.scratch] };
}
