// binary on the cpu device: vector kernels for operands that are equal, repeated along rows or columns, or one number.
import { type CpuCall, chunkFor } from "../../backends/cpu/call.ts";
import { rowsOf } from "../../backends/cpu/strides.ts";
import { type BinaryAttrs, binaryOp } from "./op.ts";

/** The cpu kernel of binary; broadcasts of three or more interleaved axes run the oracle. */
export const cpu: (call: CpuCall<BinaryAttrs>) => void = (call) => {
  const [a, b, y] = [call.inputs[0]!, call.inputs[1]!, call.outputs[0]!];
  const rows = rowsOf(y.shape, [a.shape, b.shape]);
  if (rows === null) {
    binaryOp.reference(call);
    return;
  }
  const { width, total, rowCount, strides } = rows;
  const [left, right] = [strides[0]!, strides[1]!];
  const { name } = call.attrs;
  const cost = name === "logAddExp" || name === "scaledSigmoid" ? 10 : 1;
  call.parallel(
    `binary_${name}`,
    [a.pointer, left.row, left.column, b.pointer, right.row, right.column, y.pointer, width, total],
    rowCount,
    chunkFor(cost * width),
  );
};
