// swiglu on webgpu.
import { defineKernel, itemOfLane, laneGrid } from "../../backends/webgpu/kernel.ts";
import { input, output, rangeOf, type WgslCall, type WgslProgram } from "../../backends/webgpu/program.ts";
import { flatRanges } from "../../backends/webgpu/ranges.ts";
import { sizeOf } from "../../spec.ts";

const kernel = defineKernel({
  label: "swiglu",
  buffers: { Gate: "read f32", Up: "read f32", Y: "write f32" },
  uniforms: { count: "u32" },
  body: `
  let at = ${itemOfLane};
  if (at >= params.count) { return; }
  let x = Gate[at];
  let e = exp(-abs(x));
  Y[at] = x * (select(e, 1.0, x >= 0.0) / (1.0 + e)) * Up[at];
`,
});

export function wgsl({ outputs, limits }: WgslCall<Record<string, never>>): WgslProgram {
  return {
    passes: flatRanges("swiglu", sizeOf(outputs[0]!.shape), limits).map(({ start, count }) => {
      const range = [4 * start, 4 * count] as const;
      return kernel(
        { Gate: rangeOf(input(0), ...range), Up: rangeOf(input(1), ...range), Y: rangeOf(output(0), ...range) },
        { count },
        laneGrid(limits, count),
      );
    }),
  };
}
