// logSoftmax on webgpu: one workgroup a row.
import { defaultLanes, defineKernel, gridOf, laneReductions, lowest } from "../../backends/webgpu/kernel.ts";
import { input, output, type WgslCall, type WgslProgram } from "../../backends/webgpu/program.ts";
import { rowRanges, rowsOf } from "../../backends/webgpu/ranges.ts";

const kernel = defineKernel({
  label: "log-softmax",
  buffers: { Z: "read f32", Y: "write f32" },
  uniforms: { rowCount: "u32", width: "u32" },
  globals: laneReductions,
  body: `
  if (group >= params.rowCount) { return; }
  let first = group * params.width;
  var high = ${lowest};
  for (var k = lane; k < params.width; k += ${defaultLanes}u) { high = max(high, Z[first + k]); }
  let highest = maxOver(lane, high);
  var total = 0.0;
  for (var k = lane; k < params.width; k += ${defaultLanes}u) { total += exp(Z[first + k] - highest); }
  let logNormaliser = log(sumOver(lane, total));
  for (var k = lane; k < params.width; k += ${defaultLanes}u) { Y[first + k] = (Z[first + k] - highest) - logNormaliser; }
`,
});

export function wgsl({ inputs, limits }: WgslCall<Record<string, never>>): WgslProgram {
  const [rowCount, width] = inputs[0]!.shape as [number, number];
  return {
    passes: rowRanges("logSoftmax", rowCount, [4 * width], limits).map((range) => {
      const buffers = { Z: rowsOf(input(0), 4 * width, range), Y: rowsOf(output(0), 4 * width, range) };
      return kernel(buffers, { rowCount: range.count, width }, gridOf(limits, range.count));
    }),
  };
}
