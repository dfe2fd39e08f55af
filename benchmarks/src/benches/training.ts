// Optimiser steps on hidden states that are at hand: the objective, gradients and AdamW as `train` composes them, beside
// the matrix product that bounds them. Knows no data; tokens and states are noise.
import { createGate } from "@dual-head/gating";
import { createHead } from "@dual-head/heads";
import {
  type Device,
  leavesOf,
  type Projection,
  type Tensor,
  valueAndGrad,
  valueAndGradAux,
} from "@dual-head/tensor-core";
import {
  type BatchItem,
  batchObjective,
  collate,
  countBatch,
  createOptimiser,
  defaultGate,
  defaultHead,
  defaultLearningRate,
  defaultPretrainSettings,
  defaultSettings,
  freeTree,
  type ObjectiveModel,
  squaredNorm,
  type TrainedParams,
  tokenLoss,
} from "@dual-head/train";
import { type Benchmark, type Context, createBarrier, extentsFor, roundsOf } from "../benchmark.ts";
import { measure, ratesOf, type Samples, speedups, summarise } from "../harness.ts";
import {
  createRandomLlama,
  type LlamaExtents,
  llamaExtents,
  randomTensor,
  randomTokens,
  randomValues,
} from "../random-model.ts";
import type { Reading } from "../row.ts";
import { createProduct, type ProductExtents } from "./ops.ts";

interface Extents {
  readonly hiddenSize: number;
  readonly vocabSize: number;
  readonly pairCount: number;
  readonly promptLength: number;
  readonly responseLength: number;
}

const tiny: readonly Extents[] = [{ hiddenSize: 12, vocabSize: 29, pairCount: 2, promptLength: 5, responseLength: 3 }];
const full: readonly Extents[] = [
  { hiddenSize: 64, vocabSize: 512, pairCount: 16, promptLength: 64, responseLength: 64 },
  { hiddenSize: 288, vocabSize: 32000, pairCount: 8, promptLength: 64, responseLength: 64 },
];

/** A product large enough to run at full speed and small enough not to wait for memory. */
const peakProduct: ProductExtents = { rowCount: 1024, inner: 512, columns: 1024 };
const tinyProduct: ProductExtents = { rowCount: 13, inner: 11, columns: 17 };

/** Head-training tokens per second, and the share of the measured GEMM speed that its useful work reaches. */
export const training: Benchmark = {
  name: "training",
  description:
    "head-training and whole-backbone tokens/s (all losses, gradients, AdamW) and their share of the GEMM speed",
  async *run(context: Context): AsyncIterable<Reading> {
    for (const extents of extentsFor(context, tiny, full)) {
      const { hiddenSize, vocabSize, pairCount, promptLength, responseLength } = extents;
      const shape = `d ${hiddenSize} V ${vocabSize}, ${pairCount} pairs ${promptLength}+2×${responseLength}`;
      if (!context.accepts(shape)) continue;
      using trainer = createTrainer(context.device, extents);
      using product = createProduct(context.device, extentsFor(context, tinyProduct, peakProduct));
      const samples = await measure(
        [
          { name: "step", run: trainer.step },
          { name: "GEMM", run: product.run },
        ],
        roundsOf(context, { warmupRounds: 1, rounds: 7 }),
      );
      const tokens = 2 * pairCount * responseLength;
      const operations = usefulOperations(extents);
      const [own, peak] = [operations / 1e9, product.operationsPerRun / 1e9];
      yield* shares(samples, shape, tokens, own, peak);
    }
    yield* backboneReadings(context);
  },
};

/** Extents of a model of about a million parameters, and documents of a batch. */
interface BackboneExtents {
  readonly model: LlamaExtents;
  readonly documentCount: number;
  readonly length: number;
}

const tinyBackbone: BackboneExtents = { model: llamaExtents.tiny, documentCount: 2, length: 5 };
const fullBackbone: BackboneExtents = {
  model: {
    hiddenSize: 128,
    layerCount: 4,
    vocabSize: 1024,
    feedForwardSize: 352,
    headCount: 4,
    groupCount: 4,
    maxTokens: 256,
  },
  documentCount: 51,
  length: 80,
};

/** Steps of a whole backbone: six operations a weight and token, and the products of attention. */
async function* backboneReadings(context: Context): AsyncIterable<Reading> {
  const { model, documentCount, length } = extentsFor(context, tinyBackbone, fullBackbone);
  const { device } = context;
  const held = createRandomLlama(device, model);
  const optimiser = createOptimiser(device, held.params, defaultPretrainSettings);
  try {
    const tokens = randomTokens(model.vocabSize, documentCount * length + 1, 5);
    const batch = {
      inputs: tokens.slice(0, -1),
      targets: tokens.slice(1),
      lengths: new Array<number>(documentCount).fill(length),
    };
    const weights = leavesOf<Tensor>(held.params).reduce(
      (sum, { leaf }) => sum + leaf.shape.reduce((product, extent) => product * extent, 1),
      0,
    );
    const shape = `backbone of ${(weights / 1e6).toFixed(2)}M, ${documentCount} documents of ${length}`;
    if (!context.accepts(shape)) return;
    using product = createProduct(device, extentsFor(context, tinyProduct, peakProduct));
    using barrier = createBarrier(device);
    const step = async () => {
      const loss = (params: typeof held.params) => tokenLoss(held.backbone, params, batch);
      const { value, grad } = valueAndGrad(loss)(optimiser.params);
      using squared = squaredNorm(device, grad);
      await squared.read();
      optimiser.step(grad, 1, 1e-4);
      value.dispose();
      freeTree(grad);
      await barrier.settle();
    };
    const samples = await measure(
      [
        { name: "step", run: step },
        { name: "GEMM", run: product.run },
      ],
      roundsOf(context, { warmupRounds: 2, rounds: 9 }),
    );
    // Scores and mixtures of half a document on average, forwards once and backwards twice.
    const attention = 3 * 2 * 2 * model.layerCount * model.hiddenSize * (length / 2);
    const count = batch.inputs.length;
    yield* shares(samples, shape, count, (count * (6 * weights + attention)) / 1e9, product.operationsPerRun / 1e9);
  } finally {
    optimiser[Symbol.dispose]();
  }
}

/** Tokens and operations a second, and the share of the GEMM measured beside. */
function* shares(samples: Samples, shape: string, tokens: number, own: number, peak: number): Iterable<Reading> {
  yield { shape, variant: "step", unit: "tokens/s", summary: summarise(ratesOf(samples, "step", tokens)) };
  yield { shape, variant: "step", unit: "GFLOP/s", summary: summarise(ratesOf(samples, "step", own)) };
  yield { shape, variant: "GEMM", unit: "GFLOP/s", summary: summarise(ratesOf(samples, "GEMM", peak)) };
  const ratios = speedups(samples, "step", "GEMM").map((ratio) => (100 * ratio * own) / peak);
  yield { shape, variant: "step / GEMM", unit: "% of GFLOP/s", summary: summarise(ratios) };
}

/**
 * Floating-point operations that one step cannot do without, a multiply-add counted as two; what the fused loss computes
 * again in its backward pass does not count. With C chosen and R response tokens in all, in units of 2·D·V:
 *
 * - E10 on C rows: the logits of both heads, the gradients to the features of both (the gate's), and to the head: 5
 * - E12 on R rows: the logits of the reward head and the gradient to it: 2
 *
 * and of the gate its projections to r, r and h numbers, forwards and the gradients to their weights.
 */
function usefulOperations({ hiddenSize, vocabSize, pairCount, promptLength, responseLength }: Extents): number {
  const chosen = pairCount * responseLength;
  const heads = 2 * hiddenSize * vocabSize * (5 * chosen + 2 * 2 * chosen);
  const context = pairCount * (promptLength + responseLength - 1);
  const { width, headCount } = defaultGate(hiddenSize);
  return heads + 2 * 2 * hiddenSize * (chosen * width + context * (width + headCount));
}

interface Trainer extends Disposable {
  readonly step: () => Promise<void>;
}

/** Head, gate and optimiser with the defaults of training, and one batch; each step trains on that batch. */
function createTrainer(device: Device, extents: Extents): Trainer {
  const { hiddenSize, vocabSize } = extents;
  const lmHead: Projection = {
    kind: "linear",
    weight: randomTensor(device, [vocabSize, hiddenSize], 1 / Math.sqrt(hiddenSize), 1),
    bias: null,
  };
  const [head, gate] = [createHead(defaultHead), createGate(defaultGate(hiddenSize))];
  const model: ObjectiveModel = { device, lmHead, head, gate };
  const initial: TrainedParams = { head: head.init(device, 2, lmHead), gate: gate.init(device, 3) };
  const optimiser = createOptimiser(device, initial, defaultSettings);
  const pairs = createPairs(extents);
  const counts = countBatch(
    pairs.map(({ example }) => example),
    [],
    true,
  );
  return {
    async step() {
      const batch = collate(pairs, [], { hiddenSize, learnChosen: true, contextOnPairs: false });
      const differentiate = valueAndGradAux(batchObjective(model, defaultSettings, batch, counts));
      const { value, aux, grad } = differentiate(optimiser.params);
      using squared = squaredNorm(device, grad);
      const norm = Math.sqrt((await squared.read())[0]!);
      const [loss] = await value.read();
      if (!Number.isFinite(loss!)) throw new Error(`Cannot measure training: the loss is ${loss} and must be finite`);
      optimiser.step(grad, Math.min(1, defaultSettings.clipNorm / norm), defaultLearningRate(hiddenSize));
      freeTree([grad, value, aux]);
      // On queued devices the update has only been asked for; this number comes after it.
      await optimiser.params.gate.bias!.read();
    },
    [Symbol.dispose]() {
      optimiser[Symbol.dispose]();
      lmHead.weight.dispose();
    },
  };
}

/** Pairs of one length with their hidden states, as extraction stores them. */
function createPairs({ hiddenSize, vocabSize, pairCount, promptLength, responseLength }: Extents): BatchItem[] {
  return Array.from({ length: pairCount }, (_, pair) => {
    const tokens = (length: number, at: number) => randomTokens(vocabSize, length, 3 * pair + at);
    const rows = (length: number, at: number) => randomValues(length * hiddenSize, 1, 3 * pair + at);
    return {
      example: { prompt: tokens(promptLength, 0), responses: [tokens(responseLength, 1), tokens(responseLength, 2)] },
      // The last token of a response is predicted and never read.
      rows: { prompt: rows(promptLength, 0), responses: [rows(responseLength - 1, 1), rows(responseLength - 1, 2)] },
    };
  });
}
