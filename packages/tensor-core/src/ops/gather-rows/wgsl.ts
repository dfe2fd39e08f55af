// gatherRows and scatterAddRows on webgpu. Matrices beyond one binding are walked in ranges of rows; sums are chains of
// equal indices in ascending order, so that no float atomics are needed.
import { defineKernel, gridOf, itemOfLane, laneGrid } from "../../backends/webgpu/kernel.ts";
import { input, output, rangeOf, scratch, type WgslCall, type WgslProgram } from "../../backends/webgpu/program.ts";
import { flatRanges, rowRanges, rowsOf } from "../../backends/webgpu/ranges.ts";
import type { ScatterAddRowsAttrs } from "./op.ts";

const gatherKernel = defineKernel({
  label: "gather-rows",
  buffers: { X: "read f32", Index: "read u32", Y: "write f32" },
  uniforms: { count: "u32", width: "u32", firstRow: "u32", rowCount: "u32" },
  body: `
  let at = ${itemOfLane};
  if (at >= params.count) { return; }
  let row = Index[at / params.width];
  if (row < params.firstRow || row - params.firstRow >= params.rowCount) { return; }
  Y[at] = X[(row - params.firstRow) * params.width + at % params.width];
`,
});

export function wgslGatherRows({ inputs, outputs, limits }: WgslCall<Record<string, never>>): WgslProgram {
  const [rowCount, width] = inputs[0]!.shape as [number, number];
  const count = outputs[0]!.shape[0]! * width;
  return {
    passes: rowRanges("gatherRows", rowCount, [4 * width], limits).map((range) =>
      gatherKernel(
        {
          X: rowsOf(input(0), 4 * width, range),
          Index: input(1),
          Y: output(0),
        },
        { count, width, firstRow: range.start, rowCount: range.count },
        laneGrid(limits, count),
      ),
    ),
  };
}

// Chain[2n] is 1 where no earlier entry has n's index; Chain[2n + 1] is the next entry with it, or the count.
const chainKernel = defineKernel({
  label: "scatter-chain",
  buffers: { Index: "read u32", Chain: "write u32" },
  uniforms: { count: "u32" },
  body: `
  let at = ${itemOfLane};
  if (at >= params.count) { return; }
  let row = Index[at];
  var earlier = 0u;
  while (earlier < at && Index[earlier] != row) { earlier++; }
  var next = at + 1u;
  while (next < params.count && Index[next] != row) { next++; }
  Chain[2u * at] = select(0u, 1u, earlier == at);
  Chain[2u * at + 1u] = next;
`,
});

const zeroKernel = defineKernel({
  label: "zero",
  buffers: { Y: "write f32" },
  uniforms: { count: "u32" },
  body: `
  let at = ${itemOfLane};
  if (at < params.count) { Y[at] = 0.0; }
`,
});

const scatterKernel = defineKernel({
  label: "scatter-add-rows",
  buffers: { X: "read f32", Index: "read u32", Chain: "read u32", Y: "write f32" },
  uniforms: { count: "u32", width: "u32", firstRow: "u32", rowCount: "u32" },
  body: `
  if (group >= params.count || Chain[2u * group] == 0u) { return; }
  let row = Index[group];
  if (row < params.firstRow || row - params.firstRow >= params.rowCount) { return; }
  for (var column = lane; column < params.width; column += 64u) {
    var sum = 0.0;
    for (var entry = group; entry < params.count; entry = Chain[2u * entry + 1u]) { sum += X[entry * params.width + column]; }
    Y[(row - params.firstRow) * params.width + column] = sum;
  }
`,
});

export function wgslScatterAddRows({ inputs, attrs, limits }: WgslCall<ScatterAddRowsAttrs>): WgslProgram {
  const [count, width] = inputs[0]!.shape as [number, number];
  const { rowCount } = attrs;
  const zeros = flatRanges("scatterAddRows", rowCount * width, limits).map((range) =>
    zeroKernel(
      { Y: rangeOf(output(0), 4 * range.start, 4 * range.count) },
      { count: range.count },
      laneGrid(limits, range.count),
    ),
  );
  const sums = rowRanges("scatterAddRows", rowCount, [4 * width], limits).map((range) =>
    scatterKernel(
      {
        X: input(0),
        Index: input(1),
        Chain: scratch(0),
        Y: rowsOf(output(0), 4 * width, range),
      },
      { count, width, firstRow: range.start, rowCount: range.count },
      gridOf(limits, count),
    ),
  );
  const chain = chainKernel({ Index: input(1), Chain: scratch(0) }, { count }, laneGrid(limits, count));
  return { passes: [...zeros, chain, ...sums], scratch: [8 * count] };
}
