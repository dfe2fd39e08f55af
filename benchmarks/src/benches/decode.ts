// Decoding one token at a time through the policies that generation uses: the base model and the same weights with a
// reward head and a gate. Knows no training: head and gate are fresh, and as expensive as trained ones.
import { basename, dirname } from "node:path";
import { loadLlama } from "@dual-head/backbone-llama";
import { createGate } from "@dual-head/gating";
import { linearHead, lowRankHead } from "@dual-head/heads";
import { createBasePolicy, createDualHeadPolicy } from "@dual-head/methods";
import type { DecodePolicy } from "@dual-head/sampler";
import { type Device, leavesOf, type Projection, type Tensor } from "@dual-head/tensor-core";
import { defaultGate } from "@dual-head/train";
import { type Benchmark, type Context, extentsFor, roundsOf } from "../benchmark.ts";
import { type Alternative, measure, ratesOf, speedups, summarise } from "../harness.ts";
import { createRandomLlama, llamaExtents, type Model, modelShape, randomTokens } from "../random-model.ts";
import type { Reading } from "../row.ts";
import { promptLength, sampledSteps } from "../sampled-steps.ts";

const lowRank = 16;
/** Heads of fewer numbers belong to models whose step takes less than a millisecond. */
const smallHead = 1e6;

/** Decode tokens per second of the base model and of dual heads on it, and their ratio. */
export const decode: Benchmark = {
  name: "decode",
  description: "decode tokens/s of base and dual-head on the same weights, step by step in turn, and their ratio",
  async *run(context: Context): AsyncIterable<Reading> {
    const { device } = context;
    for (const extents of extentsFor(context, [llamaExtents.tiny], [llamaExtents.small, llamaExtents.medium])) {
      const shape = modelShape(extents);
      if (!context.accepts(shape)) continue;
      using model = createRandomLlama(device, extents);
      yield* decodeModel(context, model, shape);
    }
    for (const folder of context.modelFolders) {
      const name = nameOf(folder);
      if (!context.accepts(name)) continue;
      using model = await loadLlama(folder, device);
      yield* decodeModel(context, model, `${name} ${modelShape(model.backbone.config)}`);
    }
  },
};

/** The model's name: that of its folder, or of the one above where that only says `hf`. */
function nameOf(folder: string): string {
  return basename(folder) === "hf" ? basename(dirname(folder)) : basename(folder);
}

async function* decodeModel(context: Context, model: Model, shape: string): AsyncIterable<Reading> {
  const { hiddenSize, vocabSize } = model.backbone.config;
  // A step of a small model is too short to be told from the noise of a shared machine.
  const stepCount = !context.quick && hiddenSize * vocabSize < smallHead ? 8 : 1;
  const plan = roundsOf(context, { warmupRounds: 8, rounds: 48 });
  const capacity = promptLength + stepCount * (plan.warmupRounds + plan.rounds) + 1;
  const resources: Disposable[] = [];
  const use = <Resource extends Disposable>(resource: Resource): Resource => {
    resources.push(resource);
    return resource;
  };
  try {
    const creators = policyCreators(context.device, model, capacity, use);
    const names = [...creators.keys()];
    const alternatives: Alternative[] = [];
    // A policy each, as each user has: what a policy keeps between steps is then kept here too.
    for (const [name, create] of creators) {
      alternatives.push(repeated(await forcedSteps(name, use(create()), capacity), stepCount));
      alternatives.push(repeated(sampledSteps(sampledName(name), use(create()), capacity), stepCount));
    }
    const samples = await measure(alternatives, plan);
    for (const variantOf of [(name: string) => name, sampledName]) {
      const [base, ...aligned] = names.map(variantOf);
      for (const variant of [base!, ...aligned]) {
        yield { shape, variant, unit: "tokens/s", summary: summarise(ratesOf(samples, variant, stepCount)) };
      }
      for (const variant of aligned) {
        const summary = summarise(speedups(samples, variant, base!));
        yield { shape, variant: `${variant} / ${base}`, unit: "× speed", summary };
      }
    }
  } finally {
    for (const resource of resources.reverse()) resource[Symbol.dispose]();
  }
}

/** An alternative that does the work of another several times. */
function repeated({ name, run }: Alternative, count: number): Alternative {
  return {
    name,
    async run() {
      for (let index = 0; index < count; index++) await run();
    },
  };
}

function sampledName(name: string): string {
  return `${name}, sampled`;
}

/** Policies by name, base first, on shared weights; `use` is told what must be freed. */
function policyCreators(
  device: Device,
  { backbone, params }: Model,
  capacity: number,
  use: (resource: Disposable) => void,
): ReadonlyMap<string, () => DecodePolicy> {
  const lmHead = backbone.lmHead(params);
  const keep = <Params>(tree: Params): Params => {
    for (const { leaf } of leavesOf<Tensor>(tree)) use(device.keep(leaf));
    return tree;
  };
  const gate = createGate(defaultGate(backbone.config.hiddenSize));
  const gateParams = keep(gate.init(device, 1));
  const extents = { backbone, params, device, slotCount: 1, capacity };
  const dualHead = (projection: Projection) => () =>
    createDualHeadPolicy({ ...extents, heads: [{ name: "head", projection, gate, gateParams }], mixing: "convex" });
  const [linear, reduced] = [linearHead(), lowRankHead({ rank: lowRank })];
  return new Map([
    ["base", () => createBasePolicy(extents)],
    ["dual-head", dualHead(linear.projection(keep(linear.init(device, 2, lmHead)), lmHead))],
    [`dual-head, rank ${lowRank}`, dualHead(reduced.projection(keep(reduced.init(device, 3, lmHead)), lmHead))],
  ]);
}

/** Steps by tokens drawn beforehand: the pass through the model and its logits on the host, nothing else. */
async function forcedSteps(name: string, policy: DecodePolicy, capacity: number): Promise<Alternative> {
  const tokens = randomTokens(policy.vocabSize, capacity, 4);
  const sequence = policy.open();
  await policy.advance([{ sequence, tokens: [...tokens.subarray(0, promptLength)] }]);
  return {
    name,
    async run() {
      const [step] = await policy.advance([{ sequence, tokens: [tokens[policy.length(sequence)]!] }]);
      await step!.logits();
    },
  };
}
