// unary on the cpu device: one vector kernel a row of the table.
import { type CpuCall, chunkFor } from "../../backends/cpu/call.ts";
import { sizeOf } from "../../spec.ts";
import type { UnaryAttrs } from "./op.ts";

/** The cpu kernel of unary. */
export const cpu: (call: CpuCall<UnaryAttrs>) => void = (call) => {
  const [x, y] = [call.inputs[0]!, call.outputs[0]!];
  // A line holds 16 numbers; an exponential costs about as much as ten multiply-adds.
  call.parallel(`unary_${call.attrs.name}`, [x.pointer, y.pointer], Math.ceil(sizeOf(y.shape) / 16), chunkFor(160));
};
