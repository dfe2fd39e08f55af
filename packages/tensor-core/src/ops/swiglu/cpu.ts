// swiglu on the cpu device.
import { type CpuCall, chunkFor } from "../../backends/cpu/call.ts";
import { sizeOf } from "../../spec.ts";

/** The cpu kernel of swiglu. */
export const cpu: (call: CpuCall<Record<string, never>>) => void = (call) => {
  const [gate, up, y] = [call.inputs[0]!, call.inputs[1]!, call.outputs[0]!];
  call.parallel("swigluLines", [gate.pointer, up.pointer, y.pointer], Math.ceil(sizeOf(y.shape) / 16), chunkFor(200));
};
