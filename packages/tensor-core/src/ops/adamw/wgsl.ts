// adamw on webgpu: the outputs are the donated parameter and moments, updated in place; bias corrections come from the host.
import { defineKernel, itemOfLane, laneGrid } from "../../backends/webgpu/kernel.ts";
import { input, output, rangeOf, type WgslCall, type WgslProgram } from "../../backends/webgpu/program.ts";
import { flatRanges } from "../../backends/webgpu/ranges.ts";
import { sizeOf } from "../../spec.ts";
import { type AdamwAttrs, biasCorrections } from "./op.ts";

const kernel = defineKernel({
  label: "adamw",
  buffers: { Gradient: "read f32", Scale: "read f32", W: "write f32", M: "write f32", V: "write f32" },
  uniforms: {
    count: "u32",
    beta1: "f32",
    rest1: "f32",
    beta2: "f32",
    rest2: "f32",
    correction1: "f32",
    correction2: "f32",
    learningRate: "f32",
    epsilon: "f32",
    weightDecay: "f32",
  },
  body: `
  let at = ${itemOfLane};
  if (at >= params.count) { return; }
  let g = Gradient[at] * Scale[0];
  let m = params.beta1 * M[at] + params.rest1 * g;
  let v = params.beta2 * V[at] + params.rest2 * g * g;
  let update = (m * params.correction1) / (sqrt(v * params.correction2) + params.epsilon);
  W[at] -= params.learningRate * (update + params.weightDecay * W[at]);
  M[at] = m;
  V[at] = v;
`,
});

export function wgsl({ outputs, attrs, limits }: WgslCall<AdamwAttrs>): WgslProgram {
  const { beta1, beta2, learningRate, epsilon, weightDecay } = attrs;
  const rates = {
    beta1,
    rest1: 1 - beta1,
    beta2,
    rest2: 1 - beta2,
    ...biasCorrections(attrs),
    learningRate,
    epsilon,
    weightDecay,
  };
  return {
    passes: flatRanges("adamw", sizeOf(outputs[0]!.shape), limits).map(({ start, count }) => {
      const range = [4 * start, 4 * count] as const;
      return kernel(
        {
          Gradient: rangeOf(input(3), ...range),
          Scale: input(4),
          W: rangeOf(output(0), ...range),
          M: rangeOf(output(1), ...range),
          V: rangeOf(output(2), ...range),
        },
        { count, ...rates },
        laneGrid(limits, count),
      );
    }),
  };
}
