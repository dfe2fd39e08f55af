// What a reward head and its gate cost a token: decode steps of dual-head over base on the same weights, in one dtype, beside
// what the bytes of the weights predict. Knows no sampling.
import type { WeightDtype } from "@dual-head/backbone-llama";
import { createGate } from "@dual-head/gating";
import { createBasePolicy, createDualHeadPolicy } from "@dual-head/methods";
import type { DecodePolicy } from "@dual-head/sampler";
import { byteLengthOf, createRandom, leavesOf, type Tensor } from "@dual-head/tensor-core";
import { defaultGate } from "@dual-head/train";
import { type Benchmark, type Context, extentsFor, roundsOf } from "../benchmark.ts";
import { type Alternative, bootstrapInterval, measure, samplesOf, summarise } from "../harness.ts";
import {
  createRandomLlama,
  type LlamaExtents,
  llamaExtents,
  modelShape,
  randomTokens,
  uniformValues,
} from "../random-model.ts";
import { counted, type Reading } from "../row.ts";

/** Steps of one policy in one round. */
const stepCount = 4;
const rounds = { warmupRounds: 2, rounds: 24 };

/** Time of a dual-head step over a base step, with a bootstrap interval, and what bytes predict. */
export const overhead: Benchmark = {
  name: "overhead",
  description: "time of a dual-head step over a base step with its 95 % interval, beside what bytes of weights predict",
  async *run(context: Context): AsyncIterable<Reading> {
    const packs = context.device.info.features.includes("packed weights");
    const dtypes: readonly WeightDtype[] = packs ? ["bf16", "q8"] : ["f32"];
    for (const extents of extentsFor(context, [llamaExtents.tiny], [llamaExtents.medium, llamaExtents.huge])) {
      for (const dtype of dtypes) {
        const shape = `${modelShape(extents)} ${dtype}`;
        if (context.accepts(shape)) yield* compare(context, extents, shape, dtype);
      }
    }
  },
};

async function* compare(
  context: Context,
  extents: LlamaExtents,
  shape: string,
  dtype: WeightDtype,
): AsyncIterable<Reading> {
  const { device } = context;
  const resources: Disposable[] = [];
  const use = <Resource extends Disposable>(resource: Resource): Resource => {
    resources.push(resource);
    return resource;
  };
  try {
    const { backbone, params } = use(createRandomLlama(device, extents, dtype));
    const { hiddenSize, vocabSize } = extents;
    const held = dtype === "f32" ? device.floatDtype : dtype;
    const values = uniformValues(vocabSize * hiddenSize, 1 / Math.sqrt(hiddenSize), "reward head");
    const weight = use(device.keep(device.tensor(values, [vocabSize, hiddenSize], held)));
    const gate = createGate(defaultGate(hiddenSize));
    const gateParams = gate.init(device, 1);
    for (const { leaf } of leavesOf<Tensor>(gateParams)) use(device.keep(leaf));
    const plan = roundsOf(context, rounds);
    const capacity = 2 + stepCount * (plan.warmupRounds + plan.rounds);
    const common = { backbone, params, device, slotCount: 1, capacity };
    const base = use(createBasePolicy(common));
    const projection = { kind: "linear", weight, bias: null } as const;
    const heads = [{ name: "head", projection, gate, gateParams }];
    const dual = use(createDualHeadPolicy({ ...common, heads, mixing: "convex" }));
    const samples = await measure([steps("base", base, capacity), steps("dual-head", dual, capacity)], plan);
    const [own, theirs] = [samplesOf(samples, "dual-head"), samplesOf(samples, "base")];
    const ratios = own.map((milliseconds, round) => milliseconds / theirs[round]!);
    const [low, high] = bootstrapInterval(ratios, createRandom(1, "overhead"));
    for (const [variant, times] of [
      ["base", theirs],
      ["dual-head", own],
    ] as const) {
      const summary = summarise(times.map((milliseconds) => milliseconds / stepCount));
      yield { shape, variant, unit: "ms", summary };
    }
    yield { shape, variant: "dual-head / base", unit: "× time", summary: summarise(ratios) };
    yield { shape, variant: "dual-head / base, median from", unit: "× time", summary: counted(low) };
    yield { shape, variant: "dual-head / base, median to", unit: "× time", summary: counted(high) };
    const bytesOf = (tree: unknown) => leavesOf<Tensor>(tree).reduce((sum, { leaf }) => sum + byteLengthOf(leaf), 0);
    const added = byteLengthOf(weight) + bytesOf(gateParams);
    yield { shape, variant: "bytes predict", unit: "× time", summary: counted(1 + added / bytesOf(params)) };
  } finally {
    for (const resource of resources.reverse()) resource[Symbol.dispose]();
  }
}

/** Steps by tokens drawn beforehand, as far as the most likely token. */
function steps(name: string, policy: DecodePolicy, capacity: number): Alternative {
  const tokens = randomTokens(policy.vocabSize, capacity, 4);
  const sequence = policy.open();
  return {
    name,
    async run() {
      for (let index = 0; index < stepCount; index++) {
        const [step] = await policy.advance([{ sequence, tokens: [tokens[policy.length(sequence)]!] }]);
        await step!.candidates(1);
      }
    },
  };
}
