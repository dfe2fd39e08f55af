// topK on webgpu: one workgroup a row, one pass over the row for each rank; fit for small counts.
import { defaultLanes, defineKernel, gridOf, laneReductions, lowest } from "../../backends/webgpu/kernel.ts";
import {
  input,
  output,
  type WgslBinding,
  type WgslCall,
  type WgslLimits,
  type WgslPass,
  type WgslProgram,
} from "../../backends/webgpu/program.ts";
import { rowRanges, rowsOf } from "../../backends/webgpu/ranges.ts";
import type { TopKAttrs } from "./op.ts";

// Ids pass through the float reduction negated, which is exact below 2²⁴: the largest is then the lowest id.
const kernel = defineKernel({
  label: "top-k",
  buffers: { Z: "read f32", Values: "write f32", Ids: "write u32", Totals: "write f32" },
  uniforms: { rowCount: "u32", width: "u32", count: "u32" },
  globals: laneReductions,
  body: `
  if (group >= params.rowCount) { return; }
  let first = group * params.width;
  var lastValue = 0.0;
  var lastId = 0u;
  var highest = 0.0;
  for (var rank = 0u; rank < params.count; rank++) {
    var best = ${lowest};
    var bestId = 0u;
    for (var k = lane; k < params.width; k += ${defaultLanes}u) {
      let value = Z[first + k];
      let left = rank == 0u || value < lastValue || (value == lastValue && k > lastId);
      if (left && value > best) { best = value; bestId = k; }
    }
    let found = maxOver(lane, best);
    lastId = u32(-maxOver(lane, select(${lowest}, -f32(bestId), best == found)));
    lastValue = found;
    if (rank == 0u) { highest = found; }
    if (lane == 0u) {
      Values[group * params.count + rank] = lastValue;
      Ids[group * params.count + rank] = lastId;
    }
  }
  var total = 0.0;
  for (var k = lane; k < params.width; k += ${defaultLanes}u) { total += exp(Z[first + k] - highest); }
  let sum = sumOver(lane, total);
  if (lane == 0u) { Totals[group] = sum; }
`,
});

/** Logits [N, V] in a binding, and where their largest go. */
export interface TopKPlan {
  readonly op: string;
  readonly logits: WgslBinding;
  readonly values: WgslBinding;
  readonly ids: WgslBinding;
  readonly totals: WgslBinding;
  readonly rowCount: number;
  readonly width: number;
  readonly count: number;
}

export function topKPasses(plan: TopKPlan, limits: WgslLimits): WgslPass[] {
  const { op, rowCount, width, count } = plan;
  return rowRanges(op, rowCount, [4 * width, 4 * count, 4], limits).map((range) => {
    const rows = (whole: WgslBinding, bytes: number) => rowsOf(whole, bytes, range);
    const buffers = {
      Z: rows(plan.logits, 4 * width),
      Values: rows(plan.values, 4 * count),
      Ids: rows(plan.ids, 4 * count),
      Totals: rows(plan.totals, 4),
    };
    return kernel(buffers, { rowCount: range.count, width, count }, gridOf(limits, range.count));
  });
}

export function wgsl({ inputs, attrs: { count }, limits }: WgslCall<TopKAttrs>): WgslProgram {
  const [rowCount, width] = inputs[0]!.shape as [number, number];
  const results = { values: output(0), ids: output(1), totals: output(2) };
  return { passes: topKPasses({ op: "topK", logits: input(0), ...results, rowCount, width, count }, limits) };
}
