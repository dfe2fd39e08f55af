// Training of a whole backbone on documents by next-token cross-entropy: the loop, its events, checkpoints and resuming.
// Knows no head, no gate, and nothing of how a model is written to disk.
import type { Backbone } from "@dual-head/backbone";
import { memorySource, sha256 } from "@dual-head/bytes";
import {
  type Device,
  leavesOf,
  linearCrossEntropy,
  multiply,
  projectionTerms,
  replaceLeaves,
  segmentsOf,
  sumTo,
  type Tensor,
  valueAndGrad,
} from "@dual-head/tensor-core";
import { TrainingError } from "../errors.ts";
import { lossAtEnd, openMetrics } from "../metrics.ts";
import { freeTree } from "../optimiser.ts";
import { checkSettings, optimiserRules, rules } from "../run/check-settings.ts";
import { takeGradientStep } from "../run/gradient-step.ts";
import { identityOf, openOptimiser, openRunFolder } from "../run/run-folder.ts";
import { checkInterval, runSteps } from "../run/run-steps.ts";
import { saveState } from "../training-state.ts";
import { type Piece, piecesOf, planBatches } from "./batches.ts";

/** Everything that decides the numbers of a run beside model, data and device. */
export interface PretrainSettings {
  /** Input tokens of the whole run, at least. */
  readonly tokenBudget: number;
  /** Input tokens of an optimiser step, at most. */
  readonly batchTokens: number;
  /** Longest piece of a document; at most the backbone's positions. */
  readonly maxTokens: number;
  /** Peak rate of AdamW. */
  readonly learningRate: number;
  /** Share of the steps in which the rate climbs. */
  readonly warmupFraction: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decay of matrices; vectors have none. */
  readonly weightDecay: number;
  /** Largest global norm of the gradient. */
  readonly clipNorm: number;
  /** Documents at the end of the list that are never trained on. */
  readonly heldOutCount: number;
  readonly seed: number;
}

/** Defaults for models of a few million parameters. */
export const defaultPretrainSettings: PretrainSettings = {
  tokenBudget: 1_000_000,
  batchTokens: 4096,
  maxTokens: 256,
  learningRate: 3e-3,
  warmupFraction: 0.05,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  clipNorm: 1,
  heldOutCount: 0,
  seed: 0,
};

/** What `pretrain` needs. */
export interface PretrainOptions<Params> {
  readonly device: Device;
  readonly backbone: Backbone<Params>;
  /** The parameters to start from, on `device`; the run takes them over and frees them. */
  readonly params: Params;
  /** Token ids, begin and end tokens included. */
  readonly documents: readonly Uint32Array[];
  /** The folder for metrics and state; it is created. */
  readonly folder: string;
  readonly settings?: Partial<PretrainSettings> | undefined;
  /** Called with the parameters at every checkpoint and at the end; they are valid until it resolves. */
  readonly save?: ((params: Params, figures: PretrainFigures) => Promise<void>) | undefined;
  readonly resume?: boolean | undefined;
  /** Optimiser steps between checkpoints; default 200. */
  readonly checkpointInterval?: number | undefined;
  /** Aborting writes a checkpoint of the last whole step and throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How far a run is. */
export interface PretrainFigures {
  readonly step: number;
  readonly totalSteps: number;
  /** Mean nats a token over the last tenth of the steps so far. */
  readonly trainLoss: number;
  /** Mean nats a token of the held-out documents, or null where there are none. */
  readonly heldOutLoss: number | null;
}

/** One optimiser step; the loss is that before the update. */
export interface PretrainStepEvent {
  readonly kind: "step";
  readonly step: number;
  readonly totalSteps: number;
  /** Mean nats a target. */
  readonly loss: number;
  readonly gradNorm: number;
  readonly learningRate: number;
  readonly tokenCount: number;
  readonly tokensPerSecond: number;
  readonly etaSeconds: number;
}

/** A checkpoint was written. */
export interface PretrainCheckpointEvent {
  readonly kind: "checkpoint";
  readonly figures: PretrainFigures;
}

/** The run is over; everything is on disk. */
export interface PretrainEndEvent {
  readonly kind: "end";
  readonly figures: PretrainFigures;
  /** Seconds of optimiser steps, over all parts of a resumed run. */
  readonly seconds: number;
  readonly peakBytes: number;
}

/** What `pretrain` yields. */
export type PretrainEvent = PretrainStepEvent | PretrainCheckpointEvent | PretrainEndEvent;

/** A line of the metrics. */
type PretrainMetrics = Omit<PretrainStepEvent, "kind" | "etaSeconds" | "totalSteps">;

/**
 * Trains every parameter of a backbone to predict the next token. Killed and resumed it gives the same bits as a run left
 * alone, on devices whose kernels are deterministic.
 *
 * @throws TrainingError for settings or data that cannot be, an occupied folder, a resume that does not match, or a loss
 * or gradient that is not finite; the last checkpoint stays as it is
 */
export async function* pretrain<Params>(
  options: PretrainOptions<Params>,
): AsyncGenerator<PretrainEvent, void, undefined> {
  const { device, backbone, documents, folder, signal } = options;
  const checkpointInterval = checkInterval("pretrain", options.checkpointInterval ?? 200);
  const settings = { ...defaultPretrainSettings, ...options.settings };
  checkPretraining(settings, backbone.config.maxTokens);
  const trained = documents.slice(0, Math.max(0, documents.length - settings.heldOutCount));
  const heldOut = documents.slice(trained.length);
  if (!trained.some(({ length }) => length > 1)) {
    throw new TrainingError("empty-data", "Cannot pretrain: no document to train on has two tokens; give some");
  }
  const plan = planBatches(
    trained.map(({ length }) => length),
    settings,
  );
  const totalSteps = plan.length;
  signal?.throwIfAborted();
  const resuming = await openRunFolder(folder, { verb: "pretrain", resume: options.resume === true });
  const shapes = Object.fromEntries(leavesOf<Tensor>(options.params).map(({ path, leaf }) => [path, leaf.shape]));
  const identity = await identityOf(device, await describeRun(options, settings, shapes));
  const { optimiser, formerSeconds } = await openOptimiser<Params>({
    device,
    stateFolder: resuming ? folder : null,
    identity,
    shapes,
    constants: settings,
    fresh: () => options.params,
    restore(tensors) {
      freeTree(options.params);
      return replaceLeaves(options.params, new Map(Object.entries(tensors)));
    },
  });
  try {
    const metrics = await openMetrics<PretrainMetrics>(folder, optimiser.stepCount);
    const save = async (seconds: number): Promise<{ readonly figures: PretrainFigures }> => {
      await saveState(folder, optimiser, identity, seconds);
      const figures = {
        step: optimiser.stepCount,
        totalSteps,
        trainLoss: lossAtEnd(metrics.steps),
        heldOutLoss: await documentLoss(backbone, optimiser.params, heldOut, settings),
      };
      await options.save?.(optimiser.params, figures);
      return { figures };
    };
    const { seconds } = yield* runSteps({
      stepCount: () => optimiser.stepCount,
      totalSteps,
      learningRate: settings.learningRate,
      warmupFraction: settings.warmupFraction,
      checkpointInterval,
      metrics,
      formerSeconds,
      signal,
      async take(step, learningRate) {
        const batch = batchOf(trained, plan[step - 1]!);
        const figures = await takeGradientStep({
          device,
          optimiser,
          learningRate,
          clipNorm: settings.clipNorm,
          activity: "pretraining",
          pieces: [batch],
          async differentiate(params, piece) {
            const { value, grad } = valueAndGrad((own: Params) => tokenLoss(backbone, own, piece))(params);
            using held = value;
            return { loss: (await held.read())[0]!, grad };
          },
        });
        const tokenCount = batch.inputs.length;
        return { figures: { ...figures, tokenCount }, tokenCount };
      },
      save,
    });
    yield { kind: "end", ...(await save(seconds)), seconds, peakBytes: device.stats.peakBytes };
  } finally {
    optimiser[Symbol.dispose]();
  }
}

/** Flattened inputs and their targets, a segment a piece. */
export interface TokenBatchPair {
  readonly inputs: Uint32Array;
  readonly targets: Uint32Array;
  readonly lengths: readonly number[];
}

function batchOf(documents: readonly Uint32Array[], pieces: readonly Piece[]): TokenBatchPair {
  const lengths = pieces.map(({ from, to }) => to - from - 1);
  const size = lengths.reduce((sum, length) => sum + length, 0);
  const [inputs, targets] = [new Uint32Array(size), new Uint32Array(size)];
  let at = 0;
  for (const { document, from, to } of pieces) {
    inputs.set(documents[document]!.subarray(from, to - 1), at);
    targets.set(documents[document]!.subarray(from + 1, to), at);
    at += to - from - 1;
  }
  return { inputs, targets, lengths };
}

/** Mean nats a target, a scalar; differentiable with respect to `params`. The caller disposes it. */
export function tokenLoss<Params>(
  backbone: Backbone<Params>,
  params: Params,
  { inputs, targets, lengths }: TokenBatchPair,
): Tensor {
  const hidden = backbone.hidden(params, inputs, segmentsOf(lengths));
  const { device } = hidden;
  const terms = projectionTerms(hidden, [{ projection: backbone.lmHead(params), coefficient: null }]);
  const nats = linearCrossEntropy(terms, device.tensor(targets, [targets.length]));
  return multiply(sumTo(nats, []), device.tensor([1 / targets.length], []));
}

/** Mean nats a target of whole documents, or null where there is none. */
async function documentLoss<Params>(
  backbone: Backbone<Params>,
  params: Params,
  documents: readonly Uint32Array[],
  { maxTokens, batchTokens }: PretrainSettings,
): Promise<number | null> {
  let sum = 0;
  let count = 0;
  let held: Piece[] = [];
  let size = 0;
  const flush = async () => {
    if (held.length === 0) return;
    const batch = batchOf(documents, held);
    const device = leavesOf<Tensor>(params)[0]!.leaf.device;
    using loss = device.scope(() => tokenLoss(backbone, params, batch));
    sum += (await loss.read())[0]! * batch.targets.length;
    count += batch.targets.length;
    [held, size] = [[], 0];
  };
  for (const [document, { length }] of documents.entries()) {
    for (const piece of piecesOf(document, length, maxTokens)) {
      if (size + piece.to - piece.from - 1 > batchTokens) await flush();
      held.push(piece);
      size += piece.to - piece.from - 1;
    }
  }
  await flush();
  return count === 0 ? null : sum / count;
}

/** Everything that decides the numbers of a run. */
async function describeRun<Params>(
  { backbone, documents, params }: PretrainOptions<Params>,
  settings: PretrainSettings,
  shapes: Readonly<Record<string, readonly number[]>>,
): Promise<readonly unknown[]> {
  const hashOf = (bytes: Uint8Array) => sha256(memorySource(bytes, "the run"));
  // Lengths first, so that the same tokens cut otherwise are another corpus.
  const corpus = new Uint32Array(documents.length + documents.reduce((sum, { length }) => sum + length, 0));
  corpus.set(documents.map(({ length }) => length));
  let at = documents.length;
  for (const document of documents) {
    corpus.set(document, at);
    at += document.length;
  }
  const first = leavesOf<Tensor>(params)[0]!.leaf;
  // A start from other weights is another run: the first matrix tells them apart.
  const start = await hashOf(new Uint8Array((await first.read()).buffer as ArrayBuffer));
  return [settings, backbone.config, shapes, start, await hashOf(new Uint8Array(corpus.buffer))];
}

function checkPretraining(settings: PretrainSettings, positions: number): void {
  const whole = (value: number) => Number.isSafeInteger(value) && value > 0;
  const { maxTokens } = settings;
  checkSettings(
    "pretrain",
    { ...settings },
    {
      ...optimiserRules,
      tokenBudget: rules.positiveInteger,
      maxTokens: [
        (value) => whole(value) && value <= positions,
        `an integer from 1 to the ${positions} positions of the model`,
      ],
      batchTokens: [(value) => whole(value) && value >= maxTokens, `an integer of at least maxTokens, ${maxTokens}`],
      learningRate: [(value) => value > 0 && value < 1, "in (0, 1)"],
      heldOutCount: rules.count,
    },
  );
}
