// Sums over axes in a tree fixed by the shape alone: one group of adjacent reduced axes at a time, in blocks where long.
import { broadcastStrides, sizeOf } from "../../../spec.ts";
import { defaultLanes, defineKernel, gridOf, itemOfLane, laneGrid, laneReductions } from "../kernel.ts";
import { rangeOf, scratch, type WgslBinding, type WgslLimits, type WgslPass } from "../program.ts";
import { type RowRange, rowRanges } from "../ranges.ts";

const uniforms = {
  outer: "u32",
  length: "u32",
  inner: "u32",
  block: "u32",
  blocks: "u32",
  firstBlock: "u32",
  allBlocks: "u32",
} as const;

// X [outer, length, inner] → Y [outer, allBlocks, inner], blocks firstBlock.. of it.
const alongLanes = defineKernel({
  label: "sum-lanes",
  buffers: { X: "read f32", Y: "write f32" },
  uniforms,
  globals: laneReductions,
  body: `
  if (group >= params.outer * params.blocks) { return; }
  let row = group / params.blocks;
  let blockIndex = group % params.blocks;
  let end = min(params.length, (blockIndex + 1u) * params.block);
  var sum = 0.0;
  for (var k = blockIndex * params.block + lane; k < end; k += ${defaultLanes}u) { sum += X[row * params.length + k]; }
  let total = sumOver(lane, sum);
  if (lane == 0u) { Y[row * params.allBlocks + params.firstBlock + blockIndex] = total; }
`,
});

const acrossLanes = defineKernel({
  label: "sum-columns",
  buffers: { X: "read f32", Y: "write f32" },
  uniforms,
  body: `
  let at = ${itemOfLane};
  if (at >= params.outer * params.blocks * params.inner) { return; }
  let column = at % params.inner;
  let rest = at / params.inner;
  let blockIndex = rest % params.blocks;
  let row = rest / params.blocks;
  let end = min(params.length, (blockIndex + 1u) * params.block);
  var sum = 0.0;
  for (var k = blockIndex * params.block; k < end; k++) { sum += X[(row * params.length + k) * params.inner + column]; }
  Y[(row * params.allBlocks + params.firstBlock + blockIndex) * params.inner + column] = sum;
`,
});

/** Elements one workgroup, or one lane, adds up: enough to be worth a pass, few enough to spread long sums. */
const blockAlongLanes = 4096;
const blockAcrossLanes = 128;

/** A sum over the axes of `from` that `to` lacks or holds as 1. */
export interface SumPlan {
  readonly op: string;
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly source: WgslBinding;
  readonly target: WgslBinding;
  /** Index of the first scratch buffer the sum may add to its program. */
  readonly firstScratch: number;
}

/** The passes of a sum, and the bytes of the scratch buffers they use from `firstScratch` on. */
export function sumPasses(plan: SumPlan, limits: WgslLimits): { passes: WgslPass[]; scratch: number[] } {
  const passes: WgslPass[] = [];
  const scratches: number[] = [];
  let { source } = plan;
  let groups = reductionGroups(plan.from, plan.to);
  if (!groups.some(({ reduced }) => reduced)) groups = [...groups, { extent: 1, reduced: true }];
  while (groups.some(({ reduced }) => reduced)) {
    const at = groups.findLastIndex(({ reduced }) => reduced);
    const extentOf = (list: readonly AxisGroup[]) => sizeOf(list.map(({ extent }) => extent));
    const stage = planStage(
      plan.op,
      extentOf(groups.slice(0, at)),
      groups[at]!.extent,
      extentOf(groups.slice(at + 1)),
      limits,
    );
    const partial = stage.blocks > 1 ? [{ extent: stage.blocks, reduced: true }] : [];
    groups = groups.flatMap((group, index) => (index === at ? partial : [group]));
    const isLast = !groups.some(({ reduced }) => reduced);
    const target = isLast ? plan.target : scratch(plan.firstScratch + scratches.length);
    if (!isLast) scratches.push(4 * extentOf(groups));
    passes.push(...stage.passes(source, target));
    source = target;
  }
  return { passes, scratch: scratches };
}

interface AxisGroup {
  readonly extent: number;
  readonly reduced: boolean;
}

/** Axes of `from`, adjacent ones of one kind merged. */
function reductionGroups(from: readonly number[], to: readonly number[]): AxisGroup[] {
  const strides = broadcastStrides(to, from);
  const groups: AxisGroup[] = [];
  for (const [axis, extent] of from.entries()) {
    if (extent === 1) continue;
    const reduced = strides[axis] === 0;
    const last = groups.at(-1);
    if (last?.reduced === reduced) groups[groups.length - 1] = { extent: last.extent * extent, reduced };
    else groups.push({ extent, reduced });
  }
  return groups;
}

interface Stage {
  readonly blocks: number;
  passes(source: WgslBinding, target: WgslBinding): WgslPass[];
}

function planStage(op: string, outer: number, length: number, inner: number, limits: WgslLimits): Stage {
  const alongRow = inner === 1;
  const most = alongRow ? blockAlongLanes : blockAcrossLanes;
  // A source beyond one binding is cut along the summed axis where that is the outermost, else along the outer one.
  const cutsLength = outer === 1;
  const blocksOf = (count: number) => Math.max(1, Math.ceil(count / most));
  const ranges = cutsLength
    ? rowRanges(op, length, [4 * inner], limits)
    : rowRanges(op, outer, [4 * length * inner, 4 * blocksOf(length) * inner], limits);
  const blocks = cutsLength ? ranges.reduce((sum, { count }) => sum + blocksOf(count), 0) : blocksOf(length);
  const passOf = (range: RowRange, firstBlock: number, source: WgslBinding, target: WgslBinding): WgslPass => {
    const [rows, span] = cutsLength ? [1, range.count] : [range.count, length];
    const unit = 4 * inner * (cutsLength ? 1 : length);
    const targetUnit = 4 * blocks * inner;
    const values = {
      outer: rows,
      length: span,
      inner,
      block: most,
      blocks: blocksOf(span),
      firstBlock,
      allBlocks: blocks,
    };
    const bindings = {
      X: ranges.length === 1 ? source : rangeOf(source, unit * range.start, unit * range.count),
      Y:
        cutsLength || ranges.length === 1
          ? target
          : rangeOf(target, targetUnit * range.start, targetUnit * range.count),
    };
    const groupCount = rows * values.blocks;
    return alongRow
      ? alongLanes(bindings, values, gridOf(limits, groupCount))
      : acrossLanes(bindings, values, laneGrid(limits, groupCount * inner));
  };
  return {
    blocks,
    passes: (source, target) => {
      let firstBlock = 0;
      return ranges.map((range) => {
        const pass = passOf(range, firstBlock, source, target);
        if (cutsLength) firstBlock += blocksOf(range.count);
        return pass;
      });
    },
  };
}
