// rmsNorm and its gradient on webgpu: one workgroup a row; the weight's gradient is a sum over rows of its products.
import { defaultLanes, defineKernel, gridOf, laneReductions } from "../../backends/webgpu/kernel.ts";
import { sumPasses } from "../../backends/webgpu/kernels/sum.ts";
import { input, output, scratch, type WgslCall, type WgslProgram } from "../../backends/webgpu/program.ts";
import type { RmsNormAttrs } from "./op.ts";

const inverseRms = `
  var squares = 0.0;
  for (var k = lane; k < params.width; k += ${defaultLanes}u) { squares += X[first + k] * X[first + k]; }
  let scale = inverseSqrt(sumOver(lane, squares) / f32(params.width) + params.epsilon);`;

const kernel = defineKernel({
  label: "rms-norm",
  buffers: { X: "read f32", Weight: "read f32", Y: "write f32" },
  uniforms: { rowCount: "u32", width: "u32", epsilon: "f32" },
  globals: laneReductions,
  body: `
  if (group >= params.rowCount) { return; }
  let first = group * params.width;
  ${inverseRms}
  for (var k = lane; k < params.width; k += ${defaultLanes}u) { Y[first + k] = X[first + k] * scale * Weight[k]; }
`,
});

const gradKernel = defineKernel({
  label: "rms-norm-grad",
  buffers: { X: "read f32", Weight: "read f32", G: "read f32", DX: "write f32", Products: "write f32" },
  uniforms: { rowCount: "u32", width: "u32", epsilon: "f32" },
  globals: laneReductions,
  body: `
  if (group >= params.rowCount) { return; }
  let first = group * params.width;
  ${inverseRms}
  var dot = 0.0;
  for (var k = lane; k < params.width; k += ${defaultLanes}u) { dot += Weight[k] * G[first + k] * X[first + k]; }
  let pull = sumOver(lane, dot) * scale * scale * scale / f32(params.width);
  for (var k = lane; k < params.width; k += ${defaultLanes}u) {
    let x = X[first + k];
    let g = G[first + k];
    DX[first + k] = scale * Weight[k] * g - x * pull;
    Products[first + k] = g * x * scale;
  }
`,
});

export function wgslRmsNorm({ inputs, attrs: { epsilon }, limits }: WgslCall<RmsNormAttrs>): WgslProgram {
  const [rowCount, width] = inputs[0]!.shape as [number, number];
  const buffers = { X: input(0), Weight: input(1), Y: output(0) };
  return { passes: [kernel(buffers, { rowCount, width, epsilon }, gridOf(limits, rowCount))] };
}

export function wgslRmsNormGrad({ inputs, attrs: { epsilon }, limits }: WgslCall<RmsNormAttrs>): WgslProgram {
  const [rowCount, width] = inputs[0]!.shape as [number, number];
  const buffers = { X: input(0), Weight: input(1), G: input(2), DX: output(0), Products: scratch(0) };
  const rows = gradKernel(buffers, { rowCount, width, epsilon }, gridOf(limits, rowCount));
  const plan = {
    op: "rmsNormGrad",
    from: [rowCount, width],
    to: [width],
    source: scratch(0),
    target: output(1),
    firstScratch: 1,
  };
  const sums = sumPasses(plan, limits);
  return { passes: [rows, ...sums.passes], scratch: [4 * rowCount * width, ...sums.scratch] };
}
