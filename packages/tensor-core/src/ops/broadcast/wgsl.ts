// broadcastTo and sumTo on webgpu: strides one way, a fixed tree of partial sums the other.
import { defineKernel, itemOfLane, laneGrid } from "../../backends/webgpu/kernel.ts";
import { stridedAxes, stridedIndexing } from "../../backends/webgpu/kernels/strided.ts";
import { sumPasses } from "../../backends/webgpu/kernels/sum.ts";
import { input, output, type WgslCall, type WgslProgram } from "../../backends/webgpu/program.ts";
import { sizeOf } from "../../spec.ts";
import type { ShapeAttrs } from "./op.ts";

const broadcastKernel = defineKernel({
  label: "broadcast",
  buffers: { X: "read f32", Y: "write f32" },
  uniforms: {
    count: "u32",
    extent1: "u32",
    extent2: "u32",
    extent3: "u32",
    x0: "u32",
    x1: "u32",
    x2: "u32",
    x3: "u32",
  },
  body: `
  let at = ${itemOfLane};
  if (at >= params.count) { return; }
  ${stridedIndexing(["x"])}
  Y[at] = X[xAt];
`,
});

export function wgslBroadcastTo({ inputs, outputs, limits }: WgslCall<ShapeAttrs>): WgslProgram {
  const { shape } = outputs[0]!;
  const count = sizeOf(shape);
  const { extents, strides } = stridedAxes("broadcastTo", shape, [inputs[0]!.shape]);
  const [x] = strides as [number[]];
  const uniforms = {
    count,
    extent1: extents[1]!,
    extent2: extents[2]!,
    extent3: extents[3]!,
    x0: x[0]!,
    x1: x[1]!,
    x2: x[2]!,
    x3: x[3]!,
  };
  return { passes: [broadcastKernel({ X: input(0), Y: output(0) }, uniforms, laneGrid(limits, count))] };
}

export function wgslSumTo({ inputs, outputs, limits }: WgslCall<ShapeAttrs>): WgslProgram {
  return sumPasses(
    {
      op: "sumTo",
      from: inputs[0]!.shape,
      to: outputs[0]!.shape,
      source: input(0),
      target: output(0),
      firstScratch: 0,
    },
    limits,
  );
}
