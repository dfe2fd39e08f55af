// linearCrossEntropy and its gradient on webgpu, a chunk of the vocabulary at a time: the logits of a chunk live in one
// scratch buffer, a running maximum and sum in another, and the gradient computes each chunk's logits again: none are saved.
import {
  defaultLanes,
  defineKernel,
  gridOf,
  itemOfLane,
  laneGrid,
  laneReductions,
  lowest,
} from "../../backends/webgpu/kernel.ts";
import { type MatrixOperand, matmulPasses } from "../../backends/webgpu/kernels/matmul.ts";
import {
  input,
  output,
  rangeOf,
  scratch,
  type WgslBinding,
  type WgslCall,
  type WgslLimits,
  type WgslPass,
  type WgslProgram,
} from "../../backends/webgpu/program.ts";
import { alignedRows, type RowRange, rowRanges } from "../../backends/webgpu/ranges.ts";
import { DeviceError } from "../../errors.ts";
import type { TensorSpec } from "../../spec.ts";
import type { LinearCrossEntropyAttrs, LinearCrossEntropyGradAttrs } from "./op.ts";

// State[3n..] is row n's maximum so far, the sum of exponentials above it, and the target's logit.
const mergeKernel = defineKernel({
  label: "cross-entropy-merge",
  buffers: { Logits: "read f32", Targets: "read u32", State: "write f32" },
  uniforms: { rowCount: "u32", chunk: "u32", firstToken: "u32" },
  globals: laneReductions,
  body: `
  if (group >= params.rowCount) { return; }
  let row = group * params.chunk;
  var high = ${lowest};
  for (var k = lane; k < params.chunk; k += ${defaultLanes}u) { high = max(high, Logits[row + k]); }
  var before = ${lowest};
  var sum = 0.0;
  if (params.firstToken > 0u) {
    before = State[3u * group];
    sum = State[3u * group + 1u];
  }
  let highest = max(before, maxOver(lane, high));
  var part = 0.0;
  for (var k = lane; k < params.chunk; k += ${defaultLanes}u) { part += exp(Logits[row + k] - highest); }
  let total = sum * exp(before - highest) + sumOver(lane, part);
  if (lane == 0u) {
    State[3u * group] = highest;
    State[3u * group + 1u] = total;
    let token = Targets[group];
    if (token >= params.firstToken && token - params.firstToken < params.chunk) {
      State[3u * group + 2u] = Logits[row + token - params.firstToken];
    }
  }
`,
});

const finishKernel = defineKernel({
  label: "cross-entropy-finish",
  buffers: { State: "read f32", Nats: "write f32", LogNormaliser: "write f32" },
  uniforms: { rowCount: "u32" },
  body: `
  let at = ${itemOfLane};
  if (at >= params.rowCount) { return; }
  let logNormaliser = State[3u * at] + log(State[3u * at + 1u]);
  Nats[at] = logNormaliser - State[3u * at + 2u];
  LogNormaliser[at] = logNormaliser;
`,
});

// z becomes dz = g·(exp(z − lse) − [token = target]).
const slopeKernel = defineKernel({
  label: "cross-entropy-slope",
  buffers: { G: "read f32", LogNormaliser: "read f32", Targets: "read u32", Logits: "write f32" },
  uniforms: { count: "u32", chunk: "u32", firstToken: "u32" },
  body: `
  let at = ${itemOfLane};
  if (at >= params.count) { return; }
  let row = at / params.chunk;
  let token = params.firstToken + at % params.chunk;
  let hit = select(0.0, 1.0, token == Targets[row]);
  Logits[at] = G[row] * (exp(Logits[at] - LogNormaliser[row]) - hit);
`,
});

/** Features and weight of a term with their place among the inputs. */
interface TermOperands {
  readonly features: WgslBinding;
  readonly weight: WgslBinding;
  readonly size: number;
}

interface TermCall {
  readonly op: string;
  readonly rowCount: number;
  readonly terms: readonly TermOperands[];
  readonly chunks: readonly RowRange[];
}

/** Elements of a chunk of logits: 16 MiB keep the tiles of a product busy and do not grow with N·V. */
const chunkElements = 4 << 20;

function termCall(op: string, inputs: readonly TensorSpec[], first: number, limits: WgslLimits): TermCall {
  const terms: TermOperands[] = [];
  for (let index = first; index < inputs.length; index += 2) {
    terms.push({ features: input(index), weight: input(index + 1), size: inputs[index]!.shape[1]! });
  }
  const rowCount = inputs[first]!.shape[0]!;
  const vocabSize = inputs[first + 1]!.shape[0]!;
  // A multiple of 64 tokens begins at an aligned offset in every weight, and fills the lanes of a workgroup.
  const step = Math.max(64, ...terms.map(({ size }) => alignedRows(4 * size, limits)));
  const budget = Math.min(chunkElements, limits.maxBindingSize / 4) / Math.max(1, rowCount);
  const fitting = rowRanges(
    op,
    vocabSize,
    terms.map(({ size }) => 4 * size),
    limits,
  )[0]!.count;
  const most = Math.max(step, Math.floor(Math.min(budget, fitting) / step) * step);
  const chunks: RowRange[] = [];
  for (let start = 0; start < vocabSize; start += most)
    chunks.push({ start, count: Math.min(most, vocabSize - start) });
  return { op, rowCount, terms, chunks };
}

function featuresOf({ features, size }: TermOperands, rowCount: number, transposed: boolean): MatrixOperand {
  return { binding: features, rowCount, columnCount: size, transposed };
}

function weightRows({ weight, size }: TermOperands, chunk: RowRange, transposed: boolean): MatrixOperand {
  const binding = rangeOf(weight, 4 * size * chunk.start, 4 * size * chunk.count);
  return { binding, rowCount: chunk.count, columnCount: size, transposed };
}

/** The logits of a chunk, [N, chunk], into scratch 0. */
function logitsPasses({ op, rowCount, terms }: TermCall, chunk: RowRange, limits: WgslLimits): WgslPass[] {
  return terms.flatMap((term, index) =>
    matmulPasses(
      {
        op,
        a: featuresOf(term, rowCount, false),
        b: weightRows(term, chunk, true),
        c: scratch(0, 0, 4 * rowCount * chunk.count),
        accumulate: index > 0,
      },
      limits,
    ),
  );
}

export function wgslLinearCrossEntropy({ inputs, attrs, limits }: WgslCall<LinearCrossEntropyAttrs>): WgslProgram {
  if (attrs.saved > 0) {
    throw new DeviceError(
      "webgpu",
      `Cannot apply linearCrossEntropy: logits of ${attrs.saved} tokens were to be saved and webgpu saves none; ask for 0`,
    );
  }
  const call = termCall("linearCrossEntropy", inputs, 1, limits);
  const { rowCount, chunks } = call;
  const merges = chunks.flatMap((chunk) => [
    ...logitsPasses(call, chunk, limits),
    mergeKernel(
      { Logits: scratch(0, 0, 4 * rowCount * chunk.count), Targets: input(0), State: scratch(1) },
      { rowCount, chunk: chunk.count, firstToken: chunk.start },
      gridOf(limits, rowCount),
    ),
  ]);
  const finish = finishKernel(
    { State: scratch(1), Nats: output(0), LogNormaliser: output(1) },
    { rowCount },
    laneGrid(limits, rowCount),
  );
  return { passes: [...merges, finish], scratch: [logitBytes(call), 12 * rowCount] };
}

export function wgslLinearCrossEntropyGrad({
  inputs,
  attrs,
  limits,
}: WgslCall<LinearCrossEntropyGradAttrs>): WgslProgram {
  const call = termCall("linearCrossEntropyGrad", inputs, 4, limits);
  const { op, rowCount, terms, chunks } = call;
  const outputOf = (index: number) => output(attrs.needs.slice(0, index).filter((wanted) => wanted).length);
  const passes = chunks.flatMap((chunk) => {
    const count = rowCount * chunk.count;
    const slopes = { binding: scratch(0, 0, 4 * count), rowCount, columnCount: chunk.count };
    const slope = slopeKernel(
      { G: input(0), LogNormaliser: input(1), Targets: input(3), Logits: slopes.binding },
      { count, chunk: chunk.count, firstToken: chunk.start },
      laneGrid(limits, count),
    );
    const products = terms.flatMap((term, index) => {
      const { size } = term;
      const toFeatures = attrs.needs[2 * index]
        ? matmulPasses(
            {
              op,
              a: { ...slopes, transposed: false },
              b: weightRows(term, chunk, false),
              c: outputOf(2 * index),
              accumulate: chunk.start > 0,
            },
            limits,
          )
        : [];
      const toWeight = attrs.needs[2 * index + 1]
        ? matmulPasses(
            {
              op,
              a: { ...slopes, transposed: true },
              b: featuresOf(term, rowCount, false),
              c: rangeOf(outputOf(2 * index + 1), 4 * size * chunk.start, 4 * size * chunk.count),
              accumulate: false,
            },
            limits,
          )
        : [];
      return [...toFeatures, ...toWeight];
    });
    return [...logitsPasses(call, chunk, limits), slope, ...products];
  });
  return { passes, scratch: [logitBytes(call)] };
}

function logitBytes({ rowCount, chunks }: TermCall): number {
  return 4 * rowCount * Math.max(0, ...chunks.map(({ count }) => count));
}
