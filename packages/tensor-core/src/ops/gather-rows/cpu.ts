// gatherRows and scatterAddRows on the cpu device: every row of the output has one owner.
import { type CpuCall, chunkFor } from "../../backends/cpu/call.ts";
import type { ScatterAddRowsAttrs } from "./op.ts";

/** The cpu kernel of gatherRows. */
export const cpuGatherRows: (call: CpuCall<Record<string, never>>) => void = (call) => {
  const [x, index, y] = [call.inputs[0]!, call.inputs[1]!, call.outputs[0]!];
  const [count, width] = y.shape as [number, number];
  call.parallel("gatherRowLines", [x.pointer, index.pointer, y.pointer, 4 * width], count, chunkFor(width));
};

/** The cpu kernel of scatterAddRows: a counting sort lists the addends of each row in order, then rows are summed. */
export const cpuScatterAddRows: (call: CpuCall<ScatterAddRowsAttrs>) => void = (call) => {
  const [x, index, y] = [call.inputs[0]!, call.inputs[1]!, call.outputs[0]!];
  const { rowCount } = call.attrs;
  const [count, width] = x.shape as [number, number];
  const offsetsAt = call.scratch(4 * (rowCount + 1));
  const orderAt = call.scratch(4 * count);
  const offsets = call.view(offsetsAt, "u32", rowCount + 1).fill(0);
  const order = call.view(orderAt, "u32", count);
  const rows = index.data;
  for (let item = 0; item < count; item++) offsets[rows[item]! + 1]!++;
  for (let row = 0; row < rowCount; row++) offsets[row + 1]! += offsets[row]!;
  const next = Uint32Array.from(offsets);
  for (let item = 0; item < count; item++) order[next[rows[item]!]!++] = item;
  const work = (width * count) / Math.max(1, rowCount);
  call.parallel(
    "sumListedRows",
    [x.pointer, offsetsAt, orderAt, y.pointer, width],
    rowCount,
    chunkFor(work + width / 4),
  );
};
