// rmsNorm and its gradient on the cpu device.
import { type CpuCall, chunkFor } from "../../backends/cpu/call.ts";
import type { RmsNormAttrs } from "./op.ts";

/** The cpu kernel of rmsNorm. */
export const cpuRmsNorm: (call: CpuCall<RmsNormAttrs>) => void = (call) => {
  const [x, weight, y] = [call.inputs[0]!, call.inputs[1]!, call.outputs[0]!];
  const [rowCount, width] = x.shape as [number, number];
  call.parallel(
    "rmsNormRows",
    [x.pointer, weight.pointer, y.pointer, width, call.attrs.epsilon],
    rowCount,
    chunkFor(2 * width),
  );
};

/** The cpu kernel of rmsNormGrad: rows own dx, columns own dweight. */
export const cpuRmsNormGrad: (call: CpuCall<RmsNormAttrs>) => void = (call) => {
  const [x, weight, g] = [call.inputs[0]!, call.inputs[1]!, call.inputs[2]!];
  const [dx, dweight] = [call.outputs[0]!, call.outputs[1]!];
  const [rowCount, width] = x.shape as [number, number];
  const scales = call.scratch(4 * rowCount);
  const rowArgs = [x.pointer, weight.pointer, g.pointer, dx.pointer, scales, width, call.attrs.epsilon];
  call.parallel("rmsNormGradRows", rowArgs, rowCount, chunkFor(4 * width));
  const columnArgs = [x.pointer, g.pointer, scales, dweight.pointer, width, rowCount];
  call.parallel("rmsNormGradWeight", columnArgs, Math.ceil(width / 4), chunkFor(4 * rowCount));
};
