// affine on webgpu.
import { defineKernel, itemOfLane, laneGrid } from "../../backends/webgpu/kernel.ts";
import { input, output, rangeOf, type WgslCall, type WgslProgram } from "../../backends/webgpu/program.ts";
import { flatRanges } from "../../backends/webgpu/ranges.ts";
import { sizeOf } from "../../spec.ts";
import type { AffineAttrs } from "./op.ts";

const kernel = defineKernel({
  label: "affine",
  buffers: { X: "read f32", Y: "write f32" },
  uniforms: { count: "u32", scale: "f32", shift: "f32" },
  body: `
  let at = ${itemOfLane};
  if (at >= params.count) { return; }
  Y[at] = params.scale * X[at] + params.shift;
`,
});

export function wgsl({ outputs, attrs: { scale, shift }, limits }: WgslCall<AffineAttrs>): WgslProgram {
  return {
    passes: flatRanges("affine", sizeOf(outputs[0]!.shape), limits).map(({ start, count }) =>
      kernel(
        { X: rangeOf(input(0), 4 * start, 4 * count), Y: rangeOf(output(0), 4 * start, 4 * count) },
        { count, scale, shift },
        laneGrid(limits, count),
      ),
    ),
  };
}
