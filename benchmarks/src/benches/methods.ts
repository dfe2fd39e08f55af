// A decode step of the methods under comparison on random weights of realistic shapes, in turn, beside what the bytes they
// read predict. Knows no training: heads and reward models are as expensive as trained ones, and say nothing.
import { createScalarReward } from "@dual-head/backbone";
import type { WeightDtype } from "@dual-head/backbone-llama";
import { createGate } from "@dual-head/gating";
import { blockHead, type HeadParams, linearHead, lowRankHead, type RewardHead, residualHead } from "@dual-head/heads";
import {
  createArgsPolicy,
  createBasePolicy,
  createDualHeadPolicy,
  createGenArmPolicy,
  type PolicyHead,
} from "@dual-head/methods";
import type { DecodePolicy } from "@dual-head/sampler";
import { createRandom, type Device, leavesOf, type Tensor } from "@dual-head/tensor-core";
import { defaultGate, isLargeMatrix } from "@dual-head/train";
import { type Benchmark, type Context, extentsFor, roundsOf } from "../benchmark.ts";
import { bootstrapInterval, measure, ratesOf, samplesOf, speedups, summarise } from "../harness.ts";
import {
  createRandomLlama,
  type LlamaExtents,
  llamaExtents,
  type Model,
  modelShape,
  randomTensor,
  uniformValues,
} from "../random-model.ts";
import { counted, type Reading } from "../row.ts";
import { promptLength, sampledSteps } from "../sampled-steps.ts";

const lowRank = 16;
const residualWidth = 256;
const topK = 10;
/** A block as wide as one of the model's own layers, about. */
const blockOf = (hiddenSize: number) => ({
  width: hiddenSize,
  headCount: Math.max(1, Math.floor(hiddenSize / 64)),
  feedForwardSize: 2 * hiddenSize,
});

interface Case {
  readonly extents: LlamaExtents;
  readonly dtype: WeightDtype;
  readonly rounds: number;
}

const cases: readonly Case[] = [
  { extents: llamaExtents.medium, dtype: "f32", rounds: 48 },
  { extents: llamaExtents.large, dtype: "f32", rounds: 24 },
  { extents: llamaExtents.huge, dtype: "q8", rounds: 12 },
];
const tinyCases: readonly Case[] = [{ extents: llamaExtents.tiny, dtype: "f32", rounds: 2 }];

/** A method on shared weights: how it is made, and how many bytes of weights one of its steps reads. */
interface Row {
  readonly name: string;
  readonly create: () => DecodePolicy;
  readonly bytes: number;
}

/** Decode tokens per second of each method, and how many times as fast dual-head is. */
export const methods: Benchmark = {
  name: "methods",
  description: "decode tokens/s of base, dual-head, GenARM and ARGS at realistic shapes, and their ratios",
  async *run(context: Context): AsyncIterable<Reading> {
    for (const { extents, dtype, rounds } of extentsFor(context, tinyCases, cases)) {
      const shape = `${modelShape(extents)} ${dtype}`;
      if (!context.accepts(shape)) continue;
      const plan = roundsOf(context, { warmupRounds: 3, rounds });
      using model = createRandomLlama(context.device, extents, dtype);
      // A reward model of the same shape with weights of its own, as a merged LoRA is: nothing of it is in the cache.
      using reward = createRandomLlama(context.device, extents, dtype);
      yield* measureMethods(context.device, model, reward, { shape, dtype, plan });
    }
  },
};

interface Measured {
  readonly shape: string;
  readonly dtype: WeightDtype;
  readonly plan: { readonly warmupRounds: number; readonly rounds: number };
}

async function* measureMethods(
  device: Device,
  model: Model,
  reward: Model,
  { shape, dtype, plan }: Measured,
): AsyncIterable<Reading> {
  const capacity = promptLength + plan.warmupRounds + plan.rounds + 1;
  const resources: Disposable[] = [];
  const use = <Resource extends Disposable>(resource: Resource): Resource => {
    resources.push(resource);
    return resource;
  };
  try {
    const rows = rowsOf(device, model, reward, { capacity, dtype, use });
    const alternatives = rows.map(({ name, create }) => sampledSteps(name, use(create()), capacity));
    const samples = await measure(alternatives, plan);
    for (const { name } of rows) {
      yield { shape, variant: name, unit: "tokens/s", summary: summarise(ratesOf(samples, name, 1)) };
    }
    for (const own of rows.filter(({ name }) => name.startsWith("dual-head"))) {
      for (const other of rows.filter(({ name }) => !name.startsWith("dual-head"))) {
        const variant = `${own.name} / ${other.name}`;
        const ratios = speedups(samples, own.name, other.name);
        const summary = summarise(ratios);
        const [low, high] = bootstrapInterval(ratios, createRandom(7, variant));
        const fastest = Math.min(...samplesOf(samples, other.name)) / Math.min(...samplesOf(samples, own.name));
        yield { shape, variant, unit: "× speed", summary };
        yield { shape, variant: `${variant}, 95 % of the median`, unit: "× speed", summary: { ...summary, low, high } };
        yield { shape, variant: `${variant}, fastest rounds`, unit: "× speed", summary: counted(fastest) };
        yield { shape, variant: `${variant}, by bytes`, unit: "× speed", summary: counted(other.bytes / own.bytes) };
      }
    }
  } finally {
    for (const resource of resources.reverse()) resource[Symbol.dispose]();
  }
}

interface RowOptions {
  readonly capacity: number;
  readonly dtype: WeightDtype;
  /** Told what must be freed. */
  readonly use: <Resource extends Disposable>(resource: Resource) => Resource;
}

function rowsOf(device: Device, model: Model, reward: Model, { capacity, dtype, use }: RowOptions): readonly Row[] {
  const { backbone, params } = model;
  const { hiddenSize, vocabSize } = backbone.config;
  const keep = <Params>(tree: Params): Params => {
    for (const { leaf } of leavesOf<Tensor>(tree)) use(device.keep(leaf));
    return tree;
  };
  const lmHead = backbone.lmHead(params);
  const gate = createGate(defaultGate(hiddenSize));
  const gateParams = keep(gate.init(device, 1));
  // Large matrices are stored as the model's are: whoever packs a model packs its head.
  const fresh = (own: RewardHead): Pick<PolicyHead, "projection" | "encoding"> & { readonly bytes: number } => {
    let bytes = 0;
    const entries = Object.entries(own.parameterShapes(hiddenSize, vocabSize)).map(([name, shape]) => {
      const [rows, columns = 1] = shape as readonly [number, number?];
      const held = dtype !== "f32" && isLargeMatrix(shape, hiddenSize) ? dtype : device.floatDtype;
      bytes += bytesOf(shape, held === device.floatDtype ? "f32" : dtype);
      const values = uniformValues(rows * columns, 1 / Math.sqrt(hiddenSize), `${own.kind} ${name}`);
      return [name, use(device.keep(device.tensor(values, shape, held)))];
    });
    const headParams: HeadParams = { bias: null, ...Object.fromEntries(entries) };
    return { projection: own.projection(headParams, lmHead), encoding: own.encoding(headParams), bytes };
  };
  const score = use(randomTensor(device, [1, hiddenSize], 1 / Math.sqrt(hiddenSize), 5));
  const scored = { ...reward, score, padTokenId: null };

  const base = () => createBasePolicy({ backbone, params, device, slotCount: 1, capacity });
  const dualHead = (name: string, own: RewardHead): Row => {
    const { bytes, ...head } = fresh(own);
    const heads = [{ name: "head", ...head, gate, gateParams }];
    return {
      name,
      create: () =>
        createDualHeadPolicy({ ...{ backbone, params, device, slotCount: 1, capacity, mixing: "convex" }, heads }),
      bytes: whole + bytes + folded,
    };
  };
  const args = (candidateSlots: number) => () =>
    createArgsPolicy({
      ...{ base: base(), topK, candidateSlots, rewardCapacity: capacity + 1 },
      reward: createScalarReward(device, scored, { slotCount: 1 + candidateSlots, capacity: capacity + 1 }),
    });

  // Its embedding is its head, so that a step reads all of a model's weights once; a row of a score reads no head.
  const whole = leavesOf<Tensor>(params).reduce((sum, { leaf }) => sum + bytesOf(leaf.shape, dtype), 0);
  const head = bytesOf([vocabSize, hiddenSize], dtype);
  const body = whole - head;
  const folded = 4 * hiddenSize * (2 * defaultGate(hiddenSize).width + defaultGate(hiddenSize).headCount);
  return [
    { name: "base", create: base, bytes: whole },
    dualHead("dual-head", linearHead({ bias: false })),
    dualHead(`dual-head, rank ${lowRank}`, lowRankHead({ rank: lowRank })),
    dualHead(`dual-head, residual ${residualWidth}`, residualHead({ width: residualWidth })),
    dualHead("dual-head, block", blockHead(blockOf(hiddenSize))),
    {
      name: "genarm",
      create: () =>
        createGenArmPolicy(base(), [
          { name: "reward", policy: createBasePolicy({ ...reward, device, slotCount: 1, capacity }) },
        ]),
      bytes: 2 * whole,
    },
    // The chosen token, then all candidates in one pass; or each of them by itself.
    { name: `args, k ${topK}`, create: args(topK), bytes: whole + 2 * body },
    { name: `args, k ${topK}, one by one`, create: args(1), bytes: whole + (1 + topK) * body },
  ];
}

function bytesOf(shape: readonly number[], dtype: WeightDtype): number {
  const bytes = { f32: 4, f16: 2, bf16: 2, q8: 9 / 8, q4: 5 / 8 };
  const numbers = shape.reduce((product, extent) => product * extent, 1);
  return numbers * (shape.length > 1 ? bytes[dtype] : 4);
}
