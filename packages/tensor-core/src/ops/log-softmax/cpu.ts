// logSoftmax on the cpu device.
import { type CpuCall, chunkFor } from "../../backends/cpu/call.ts";

/** The cpu kernel of logSoftmax. */
export const cpu: (call: CpuCall<Record<string, never>>) => void = (call) => {
  const [z, y] = [call.inputs[0]!, call.outputs[0]!];
  const [rowCount, width] = z.shape as [number, number];
  call.parallel("logSoftmaxRows", [z.pointer, y.pointer, width], rowCount, chunkFor(10 * width));
};
