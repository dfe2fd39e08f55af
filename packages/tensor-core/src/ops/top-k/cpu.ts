// topK on the cpu device: one pass a row.
import { type CpuCall, chunkFor } from "../../backends/cpu/call.ts";
import type { TopKAttrs } from "./op.ts";

/** The cpu kernel of topK. */
export const cpu: (call: CpuCall<TopKAttrs>) => void = (call) => {
  const z = call.inputs[0]!;
  const [values, ids, totals] = call.outputs.map(({ pointer }) => pointer);
  const [rowCount, width] = z.shape as [number, number];
  const args = [z.pointer, width, call.attrs.count, values!, ids!, totals!];
  call.parallel("topKRows", args, rowCount, chunkFor(10 * width));
};
