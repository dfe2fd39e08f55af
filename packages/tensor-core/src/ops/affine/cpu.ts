// affine on the cpu device.
import { type CpuCall, chunkFor } from "../../backends/cpu/call.ts";
import { sizeOf } from "../../spec.ts";
import type { AffineAttrs } from "./op.ts";

/** The cpu kernel of affine. */
export const cpu: (call: CpuCall<AffineAttrs>) => void = (call) => {
  const { scale, shift } = call.attrs;
  const [x, y] = [call.inputs[0]!, call.outputs[0]!];
  call.parallel("affineLines", [x.pointer, y.pointer, scale, shift], Math.ceil(sizeOf(y.shape) / 16), chunkFor(16));
};
