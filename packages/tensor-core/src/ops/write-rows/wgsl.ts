// writeRows on webgpu: the output is the donated cache, written in place.
import { defineKernel, itemOfLane, laneGrid } from "../../backends/webgpu/kernel.ts";
import { input, output, type WgslCall, type WgslProgram } from "../../backends/webgpu/program.ts";
import { rowRanges, rowsOf } from "../../backends/webgpu/ranges.ts";

const kernel = defineKernel({
  label: "write-rows",
  buffers: { Rows: "read f32", Index: "read u32", Cache: "write f32" },
  uniforms: { count: "u32", width: "u32", firstRow: "u32", rowCount: "u32" },
  body: `
  let at = ${itemOfLane};
  if (at >= params.count) { return; }
  let row = Index[at / params.width];
  if (row < params.firstRow || row - params.firstRow >= params.rowCount) { return; }
  Cache[(row - params.firstRow) * params.width + at % params.width] = Rows[at];
`,
});

export function wgsl({ inputs, limits }: WgslCall<Record<string, never>>): WgslProgram {
  const [rowCount, width] = inputs[0]!.shape as [number, number];
  const count = inputs[1]!.shape[0]! * width;
  return {
    passes: rowRanges("writeRows", rowCount, [4 * width], limits).map((range) =>
      kernel(
        {
          Rows: input(1),
          Index: input(2),
          Cache: rowsOf(output(0), 4 * width, range),
        },
        { count, width, firstRow: range.start, rowCount: range.count },
        laneGrid(limits, count),
      ),
    ),
  };
}
