// matmul on the cpu device: the four transpose forms as strides of one product.
import type { CpuCall } from "../../backends/cpu/call.ts";
import { gemm, weightOperand } from "./gemm.ts";
import type { MatmulAttrs } from "./op.ts";

/** The cpu kernel of matmul. */
export const cpu: (call: CpuCall<MatmulAttrs>) => void = (call) => {
  const { transposeA, transposeB } = call.attrs;
  const [a, b, c] = [call.inputs[0]!, call.inputs[1]!, call.outputs[0]!];
  const [rows, columns] = c.shape as [number, number];
  const inner = a.shape[transposeA ? 0 : 1]!;
  gemm(call, {
    a: { pointer: a.pointer, lineStride: transposeA ? 1 : inner, stepStride: transposeA ? rows : 1 },
    b: weightOperand(b, transposeB),
    c: c.pointer,
    rowStride: columns,
    rows,
    columns,
    inner,
    accumulate: false,
  });
};
