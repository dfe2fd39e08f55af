// A decode step of the methods under comparison on random weights of realistic shapes, in turn, beside what the bytes they
// read predict. Knows no training: heads and reward models are as expensive as trained ones, and say nothing.
import { createScalarReward } from "@dual-head/backbone";
import type { WeightDtype } from "@dual-head/backbone-llama";
import { createGate } from "@dual-head/gating";
import { linearHead, lowRankHead, residualHead } from "@dual-head/heads";
import { createArgsPolicy, createBasePolicy, createDualHeadPolicy, createGenArmPolicy } from "@dual-head/methods";
import type { DecodePolicy } from "@dual-head/sampler";
import { createRandom, type Device, leavesOf, type Projection, type Tensor } from "@dual-head/tensor-core";
import { defaultGate } from "@dual-head/train";
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
  // The head is stored as the model is: whoever packs a model packs its head.
  const values = uniformValues(vocabSize * hiddenSize, 1 / Math.sqrt(hiddenSize), "reward head");
  const weight = use(
    device.keep(device.tensor(values, [vocabSize, hiddenSize], dtype === "f32" ? device.floatDtype : dtype)),
  );
  const reduced = lowRankHead({ rank: lowRank });
  const low = reduced.projection(keep(reduced.init(device, 3, lmHead)), lmHead);
  const linear = linearHead().projection({ weight, bias: null }, lmHead);
  const narrow = residualHead({ width: residualWidth });
  const residual = narrow.projection(keep(narrow.init(device, 4, lmHead)), lmHead);
  const score = use(randomTensor(device, [1, hiddenSize], 1 / Math.sqrt(hiddenSize), 5));
  const scored = { ...reward, score, padTokenId: null };

  const base = () => createBasePolicy({ backbone, params, device, slotCount: 1, capacity });
  const dualHead = (projection: Projection) =>
    createDualHeadPolicy({
      ...{ backbone, params, device, slotCount: 1, capacity, mixing: "convex" },
      heads: [{ name: "head", projection, gate, gateParams }],
    });
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
  const delta = 4 * lowRank * (hiddenSize + vocabSize);
  const network = 4 * 2 * residualWidth * hiddenSize;
  return [
    { name: "base", create: base, bytes: whole },
    { name: "dual-head", create: () => dualHead(linear), bytes: whole + head + folded },
    { name: `dual-head, rank ${lowRank}`, create: () => dualHead(low), bytes: whole + delta + folded },
    {
      name: `dual-head, residual ${residualWidth}`,
      create: () => dualHead(residual),
      bytes: whole + network + folded,
    },
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
