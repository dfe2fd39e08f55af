// rope on the cpu device.
import { type CpuCall, chunkFor } from "../../backends/cpu/call.ts";
import type { RopeAttrs } from "./op.ts";

/** The cpu kernel of rope. */
export const cpu: (call: CpuCall<RopeAttrs>) => void = (call) => {
  const [x, rotation, y] = [call.inputs[0]!, call.inputs[1]!, call.outputs[0]!];
  const [rowCount, width] = x.shape as [number, number];
  const { headSize, inverse } = call.attrs;
  const args = [x.pointer, rotation.pointer, y.pointer, width, headSize, rotation.shape[1]!, inverse ? -1 : 1];
  call.parallel("ropeRows", args, rowCount, chunkFor(2 * width));
};
