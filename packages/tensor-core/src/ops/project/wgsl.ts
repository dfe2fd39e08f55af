// project on webgpu: one accumulated product a term.
import { matmulPasses } from "../../backends/webgpu/kernels/matmul.ts";
import { input, output, type WgslCall, type WgslProgram } from "../../backends/webgpu/program.ts";

export function wgsl({ inputs, limits }: WgslCall<Record<string, never>>): WgslProgram {
  const terms = Array.from({ length: inputs.length / 2 }, (_, term) => term);
  return {
    passes: terms.flatMap((term) => {
      const [rowCount, columnCount] = inputs[2 * term]!.shape as [number, number];
      const vocabSize = inputs[2 * term + 1]!.shape[0]!;
      const a = { binding: input(2 * term), rowCount, columnCount, transposed: false };
      const b = { binding: input(2 * term + 1), rowCount: vocabSize, columnCount, transposed: true };
      return matmulPasses({ op: "project", a, b, c: output(0), accumulate: term > 0 }, limits);
    }),
  };
}
