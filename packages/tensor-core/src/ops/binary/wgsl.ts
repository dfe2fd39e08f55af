// binary on webgpu: one kernel a row of the table, broadcasting by strides.
import { defineKernel, itemOfLane, kernelFamily, laneGrid } from "../../backends/webgpu/kernel.ts";
import { isWhole, stridedAxes, stridedIndexing } from "../../backends/webgpu/kernels/strided.ts";
import { input, output, rangeOf, type WgslCall, type WgslProgram } from "../../backends/webgpu/program.ts";
import { flatRanges } from "../../backends/webgpu/ranges.ts";
import { sizeOf } from "../../spec.ts";
import { wgslHelpers } from "../unary/table.ts";
import type { BinaryAttrs } from "./op.ts";
import { type BinaryName, binaryTable } from "./table.ts";

const kernelOf = kernelFamily((name: BinaryName) =>
  defineKernel({
    label: `binary-${name}`,
    buffers: { A: "read f32", B: "read f32", Y: "write f32" },
    uniforms: {
      count: "u32",
      extent1: "u32",
      extent2: "u32",
      extent3: "u32",
      a0: "u32",
      a1: "u32",
      a2: "u32",
      a3: "u32",
      b0: "u32",
      b1: "u32",
      b2: "u32",
      b3: "u32",
    },
    globals: wgslHelpers,
    body: `
  let at = ${itemOfLane};
  if (at >= params.count) { return; }
  ${stridedIndexing(["a", "b"])}
  let a = A[aAt];
  let b = B[bAt];
  Y[at] = ${binaryTable[name].wgsl};
`,
  }),
);

export function wgsl({ inputs, outputs, attrs: { name }, limits }: WgslCall<BinaryAttrs>): WgslProgram {
  const { shape } = outputs[0]!;
  const operands = inputs.map((operand) => operand.shape);
  const size = sizeOf(shape);
  // Ranges of the output are ranges of operands only where those are whole or one number; others must fit a binding.
  const cuttable = operands.every((operand) => isWhole(operand, shape) || sizeOf(operand) === 1);
  const ranges = cuttable ? flatRanges(name, size, limits) : [{ start: 0, count: size }];
  return {
    passes: ranges.map(({ start, count }) => {
      const flat = cuttable
        ? operands.map((operand) => (sizeOf(operand) === 1 && size !== 1 ? [1] : [count]))
        : operands;
      const { extents, strides } = stridedAxes(name, cuttable ? [count] : shape, flat);
      const cut = (index: number) =>
        sizeOf(operands[index]!) === 1 ? input(index) : rangeOf(input(index), 4 * start, 4 * count);
      const [a, b] = strides as [number[], number[]];
      return kernelOf(name)(
        {
          A: cuttable ? cut(0) : input(0),
          B: cuttable ? cut(1) : input(1),
          Y: rangeOf(output(0), 4 * start, 4 * count),
        },
        {
          count,
          extent1: extents[1]!,
          extent2: extents[2]!,
          extent3: extents[3]!,
          a0: a[0]!,
          a1: a[1]!,
          a2: a[2]!,
          a3: a[3]!,
          b0: b[0]!,
          b1: b[1]!,
          b2: b[2]!,
          b3: b[3]!,
        },
        laneGrid(limits, count),
      );
    }),
  };
}
