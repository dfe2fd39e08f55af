// writeRows on the cpu device: the cache is its own output, so only the given rows move.
import { type CpuCall, chunkFor } from "../../backends/cpu/call.ts";

/** The cpu kernel of writeRows. */
export const cpu: (call: CpuCall<Record<string, never>>) => void = (call) => {
  const [rows, index, cache] = [call.inputs[1]!, call.inputs[2]!, call.outputs[0]!];
  const [count, width] = rows.shape as [number, number];
  call.parallel("writeRowLines", [rows.pointer, index.pointer, cache.pointer, 4 * width], count, chunkFor(width));
};
