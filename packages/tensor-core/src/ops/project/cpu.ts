// project on the cpu device: one product a term, each adding to the last.
import type { CpuCall } from "../../backends/cpu/call.ts";
import { gemm, weightOperand } from "../matmul/gemm.ts";

/** The cpu kernel of project. */
export const cpu: (call: CpuCall<Record<string, never>>) => void = (call) => {
  const z = call.outputs[0]!;
  const [rows, columns] = z.shape as [number, number];
  for (let term = 0; term < call.inputs.length; term += 2) {
    const [features, weight] = [call.inputs[term]!, call.inputs[term + 1]!];
    const inner = features.shape[1]!;
    gemm(call, {
      a: { pointer: features.pointer, lineStride: inner, stepStride: 1 },
      b: weightOperand(weight, true),
      c: z.pointer,
      rowStride: columns,
      rows,
      columns,
      inner,
      accumulate: term > 0,
    });
  }
};
