// broadcastTo and sumTo on the cpu device; more than two interleaved axes run the oracle.
import { type CpuCall, chunkFor } from "../../backends/cpu/call.ts";
import { mergeAxes, rowsOf } from "../../backends/cpu/strides.ts";
import { broadcastToOp, type ShapeAttrs, sumToOp } from "./op.ts";

// Elements summed into one float64 before blocks are added up in order.
const SUM_BLOCK = 4096;

/** The cpu kernel of broadcastTo. */
export const cpuBroadcastTo: (call: CpuCall<ShapeAttrs>) => void = (call) => {
  const [x, y] = [call.inputs[0]!, call.outputs[0]!];
  const rows = rowsOf(y.shape, [x.shape]);
  if (rows === null) {
    broadcastToOp.reference(call);
    return;
  }
  const { row, column } = rows.strides[0]!;
  call.parallel(
    "repeatRows",
    [x.pointer, row, column, y.pointer, rows.width, rows.total],
    rows.rowCount,
    chunkFor(rows.width / 2),
  );
};

/** The cpu kernel of sumTo. */
export const cpuSumTo: (call: CpuCall<ShapeAttrs>) => void = (call) => {
  const [x, y] = [call.inputs[0]!, call.outputs[0]!];
  const { shape, strides } = mergeAxes(x.shape, [y.shape]);
  const steps = strides[0]!;
  if (steps.length === 0 || (steps.length === 1 && steps[0] === 1)) {
    // Only axes of extent 1 go.
    y.data.set(x.data);
  } else if (shape.length === 1 && steps[0] === 0) {
    const blockCount = Math.ceil(shape[0]! / SUM_BLOCK);
    const sums = call.scratch(8 * blockCount);
    call.parallel("sumBlocks", [x.pointer, sums, SUM_BLOCK, shape[0]!], blockCount, chunkFor(SUM_BLOCK));
    y.data[0] = (call.view(sums, "f64", blockCount) as Float64Array).reduce((total, sum) => total + sum, 0);
  } else if (shape.length === 2 && steps[0] === 1 && steps[1] === 0) {
    call.parallel("sumRows", [x.pointer, y.pointer, shape[1]!], shape[0]!, chunkFor(shape[1]!));
  } else if (shape.length === 2 && steps[0] === 0 && steps[1] === 1) {
    call.parallel(
      "sumColumns",
      [x.pointer, y.pointer, shape[0]!, shape[1]!],
      Math.ceil(shape[1]! / 4),
      chunkFor(4 * shape[0]!),
    );
  } else {
    sumToOp.reference(call);
  }
};
