// unary on webgpu: one kernel a row of the table.
import { defineKernel, itemOfLane, kernelFamily, laneGrid } from "../../backends/webgpu/kernel.ts";
import { input, output, rangeOf, type WgslCall, type WgslProgram } from "../../backends/webgpu/program.ts";
import { flatRanges } from "../../backends/webgpu/ranges.ts";
import { sizeOf } from "../../spec.ts";
import type { UnaryAttrs } from "./op.ts";
import { type UnaryName, unaryTable, wgslHelpers } from "./table.ts";

const kernelOf = kernelFamily((name: UnaryName) =>
  defineKernel({
    label: `unary-${name}`,
    buffers: { X: "read f32", Y: "write f32" },
    uniforms: { count: "u32" },
    globals: wgslHelpers,
    body: `
  let at = ${itemOfLane};
  if (at >= params.count) { return; }
  let x = X[at];
  Y[at] = ${unaryTable[name].wgsl};
`,
  }),
);

export function wgsl({ outputs, attrs, limits }: WgslCall<UnaryAttrs>): WgslProgram {
  return {
    passes: flatRanges(attrs.name, sizeOf(outputs[0]!.shape), limits).map(({ start, count }) =>
      kernelOf(attrs.name)(
        { X: rangeOf(input(0), 4 * start, 4 * count), Y: rangeOf(output(0), 4 * start, 4 * count) },
        { count },
        laneGrid(limits, count),
      ),
    ),
  };
}
