// unpackRows on the cpu device: the unpacking kernel of the format, given the index.
import { type CpuCall, chunkFor } from "../../backends/cpu/call.ts";
import type { PackedDtype } from "../../formats/format.ts";
import { conversionKernels } from "../../formats/kernels.ts";
import type { UnpackRowsAttrs } from "./op.ts";

/** The cpu kernel of unpackRows. */
export const cpu: (call: CpuCall<UnpackRowsAttrs>) => void = (call) => {
  const [x, index, y] = [call.inputs[0]!, call.inputs[1]!, call.outputs[0]!];
  const [count, width] = y.shape as [number, number];
  const args = [x.pointer, y.pointer, width, 0, index.pointer];
  call.parallel(conversionKernels[x.dtype as PackedDtype].unpack, args, count, chunkFor(4 * width));
};
