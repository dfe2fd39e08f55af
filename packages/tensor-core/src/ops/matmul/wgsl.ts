// matmul on webgpu: one product of the shared kernels.
import { matmulPasses } from "../../backends/webgpu/kernels/matmul.ts";
import { input, output, type WgslCall, type WgslProgram } from "../../backends/webgpu/program.ts";
import type { TensorSpec } from "../../spec.ts";
import type { MatmulAttrs } from "./op.ts";

export function wgsl({ inputs, attrs, limits }: WgslCall<MatmulAttrs>): WgslProgram {
  const operand = (index: number, transposed: boolean) => ({
    binding: input(index),
    ...extents(inputs[index]!),
    transposed,
  });
  const [a, b] = [operand(0, attrs.transposeA), operand(1, attrs.transposeB)];
  return { passes: matmulPasses({ op: "matmul", a, b, c: output(0), accumulate: false }, limits) };
}

function extents({ shape }: TensorSpec): { rowCount: number; columnCount: number } {
  return { rowCount: shape[0]!, columnCount: shape[1]! };
}
