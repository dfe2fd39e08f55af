// Training of a reward head and a gate on a frozen backbone: the loop, its events, checkpoints, and its end.
// Everything it does is in the files beside it; it knows no command line and no terminal.
import type { Backbone } from "@dual-head/backbone";
import type { PreferencePair, SftExample } from "@dual-head/data";
import { checkGateMode, createGate, type GateConfig } from "@dual-head/gating";
import { createHead, type HeadConfig } from "@dual-head/heads";
import type { Device, Tensor } from "@dual-head/tensor-core";
import { evaluatePairs } from "./evaluate.ts";
import type { TrainEvent } from "./events.ts";
import { cachedFeatures, type FeatureOptions, type FeatureSource, recomputedFeatures } from "./features.ts";
import { cardFileName, headsFileName, saveHeads, withAbsent } from "./heads-file.ts";
import { lossAtEnd, lossAtStart, openMetrics } from "./metrics.ts";
import type { TrainedParams } from "./objective.ts";
import { freeTree, type Optimiser } from "./optimiser.ts";
import { type PreparedData, prepareData } from "./prepare.ts";
import { identityOf, openOptimiser, openRunFolder } from "./run/run-folder.ts";
import { checkInterval, runSteps } from "./run/run-steps.ts";
import { endlessOrder, epochOrder } from "./schedule.ts";
import { completeSettings, defaultGate, defaultHead, defaultLearningRate, type TrainingSettings } from "./settings.ts";
import { runStep, type StepContext } from "./step.ts";
import type { ExampleTokenizer, TokenisedExample } from "./tokenise.ts";
import { saveState, stateFileName } from "./training-state.ts";

/** What `train` needs: a frozen model, data, and a folder. */
export interface TrainOptions<Params> {
  readonly device: Device;
  readonly backbone: Backbone<Params>;
  /** The frozen parameters, on `device`. */
  readonly params: Params;
  /** SHA-256 of the backbone's weight files; heads are bound to it. */
  readonly backboneSha256: string;
  /** How the backbone's matrices are held (default "f32"): other roundings give other hidden states. */
  readonly backboneDtype?: string | undefined;
  readonly tokenizer: ExampleTokenizer;
  readonly pairs: readonly PreferencePair[];
  /** Examples for E10 and E9; by default the chosen responses of the pairs. */
  readonly supervised?: readonly SftExample[] | undefined;
  /** The folder for heads, card, metrics and state; it is created. */
  readonly folder: string;
  /** Folder of cached hidden states; default `features` inside `folder`. Runs that differ in settings share it. */
  readonly featuresFolder?: string | undefined;
  readonly head?: HeadConfig | undefined;
  readonly gate?: GateConfig | undefined;
  readonly settings?: Partial<TrainingSettings> | undefined;
  /** Goes on with the run in `folder` where there is one; without it a folder that holds a run is refused. */
  readonly resume?: boolean | undefined;
  /** Optimiser steps between checkpoints; default 100. The last step always makes one. */
  readonly checkpointInterval?: number | undefined;
  /** Aborting writes a checkpoint of the last whole step and throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** An interrupted step lost is cheap, a checkpoint is three times the heads: at 100 steps either is seconds. */
const defaultCheckpointInterval = 100;

/**
 * Trains a reward head and a gate; the last event is the summary. Everything that matters is on disk when it ends:
 * `heads.safetensors`, `card.md`, `metrics.jsonl` and the state a run can be resumed from.
 *
 * Killed at any moment and resumed, it gives the same heads to the last bit on the cpu device, and on any device whose
 * kernels are deterministic. Leaving the iteration early frees everything and writes nothing.
 *
 * @throws TrainingError for settings that cannot be, an occupied folder, data without a pair, a resume that does not
 * match, a full disk, or a loss or gradient that is not finite; the last checkpoint stays as it is
 * @throws FileError where the folder is not writable
 */
export async function* train<Params>(options: TrainOptions<Params>): AsyncGenerator<TrainEvent, void, undefined> {
  const { device, backbone, folder, signal } = options;
  const completed = completeSettings(options.settings ?? {});
  const interval = checkInterval("train", options.checkpointInterval ?? defaultCheckpointInterval);
  const { hiddenSize, vocabSize, maxTokens } = backbone.config;
  const settings = { ...completed, learningRate: completed.learningRate ?? defaultLearningRate(hiddenSize) };
  const shape = { head: options.head ?? defaultHead, gate: options.gate ?? defaultGate(hiddenSize) };
  const [head, gate] = [createHead(shape.head), createGate(shape.gate)];
  checkGateMode(settings.mixing, gate);
  signal?.throwIfAborted();
  const resuming = await openRunFolder(folder, {
    verb: "train",
    resume: options.resume === true,
    outputs: [headsFileName, cardFileName],
  });
  const data = await prepareData(options.tokenizer, options.pairs, options.supervised ?? null, {
    maxTokens: Math.min(maxTokens, settings.maxTokens ?? maxTokens),
    heldOut: settings.heldOut,
    seed: settings.seed,
  });
  const description = {
    ...shape,
    hiddenSize,
    vocabSize,
    backboneSha256: options.backboneSha256,
    backboneDtype: backboneDtypeOf(options),
    tokenizerSha256: options.tokenizer.sha256,
    settings: { ...settings },
  };
  const identity = await identityOf(device, [description, data.sha256]);
  const shapes = {
    ...prefixed("head", head.parameterShapes(hiddenSize, vocabSize)),
    ...prefixed("gate", gate.parameterShapes),
  };
  const lmHead = backbone.lmHead(options.params);
  let optimiser: Optimiser<TrainedParams> | null = null;
  let features: FeatureSource | null = null;
  try {
    const opened = await openOptimiser<TrainedParams>({
      device,
      stateFolder: resuming ? folder : null,
      identity,
      shapes,
      constants: settings,
      fresh: () => ({ head: head.init(device, settings.seed, lmHead), gate: gate.init(device, settings.seed) }),
      restore: (tensors) => ({ head: withAbsent(part(tensors, "head"), shape.head), gate: part(tensors, "gate") }),
    });
    optimiser = opened.optimiser;
    const startStep = optimiser.stepCount;
    const metrics = await openMetrics(folder, startStep);
    yield {
      kind: "prepared",
      pairCount: data.pairs.length,
      heldOutCount: data.heldOut.length,
      supervisedCount: data.supervised?.length ?? null,
      dropped: data.dropped,
      cutCount: data.cutCount,
      startStep,
    };
    features = yield* openFeatures(options, settings, data);

    const stepsPerEpoch = Math.ceil(data.pairs.length / settings.batchSize);
    const totalSteps = settings.epochs * stepsPerEpoch;
    const context: StepContext = {
      model: { device, lmHead, head, gate },
      settings,
      examples: examplesOf(data),
      learnChosen: data.supervised === null,
      features,
      hiddenSize,
    };
    const held = optimiser;
    const figures = () => ({
      step: held.stepCount,
      stepCount: totalSteps,
      trainLoss: held.stepCount === 0 ? null : lossAtEnd(metrics.steps),
      device: `${device.name} (${device.info.variant})`,
    });
    const save = async (seconds: number) => {
      await saveState(folder, held, identity, seconds);
      // Heads too: whatever happens later, the run so far is of use.
      await saveHeads(folder, held.params, { ...description, figures: { ...figures(), heldOut: null } });
      return { step: held.stepCount, path: `${folder}/${stateFileName}` };
    };
    const totals = yield* runSteps({
      stepCount: () => held.stepCount,
      totalSteps,
      learningRate: settings.learningRate,
      warmupFraction: settings.warmupFraction,
      checkpointInterval: interval,
      metrics,
      formerSeconds: opened.formerSeconds,
      signal,
      async take(step, learningRate) {
        const batch = batchOf(data, settings, step, stepsPerEpoch);
        const { figures: own, tokenCount } = await runStep(context, held, batch, learningRate);
        return { figures: { epoch: step / stepsPerEpoch, ...own }, tokenCount };
      },
      save,
    });
    if (held.stepCount > totals.savedStep) yield { kind: "checkpoint", ...(await save(totals.seconds)) };
    const untrained = head.init(device, settings.seed, lmHead);
    const heldOut = await evaluatePairs(
      {
        model: context.model,
        features,
        hiddenSize,
        pairs: data.heldOut,
        firstIndex: data.pairs.length,
        rowLimit: settings.microBatchTokens,
        signal,
      },
      held.params.head,
      untrained,
    ).finally(() => freeTree(untrained));
    await saveHeads(folder, held.params, { ...description, figures: { ...figures(), heldOut } });
    yield {
      kind: "end",
      summary: {
        steps: held.stepCount,
        trainLoss: lossAtEnd(metrics.steps),
        trainLossAtStart: lossAtStart(metrics.steps),
        heldOut,
        trainable: {
          head: head.parameterCount(hiddenSize, vocabSize),
          gate: gate.parameterCount,
        },
        seconds: totals.seconds,
        tokensPerSecond: totals.tokensPerSecond,
        peakBytes: device.stats.peakBytes,
      },
    };
  } finally {
    await features?.close();
    optimiser?.[Symbol.dispose]();
  }
}

/** All examples in the order of their features: training pairs, held-out pairs, supervised examples. */
function examplesOf(data: PreparedData): readonly TokenisedExample[] {
  return [...data.pairs, ...data.heldOut, ...(data.supervised ?? [])];
}

function backboneDtypeOf<Params>({ backboneDtype = "f32" }: TrainOptions<Params>): string {
  return backboneDtype;
}

/** Features of all examples. */
async function* openFeatures<Params>(
  trainOptions: TrainOptions<Params>,
  settings: TrainingSettings,
  data: PreparedData,
): AsyncGenerator<TrainEvent, FeatureSource, undefined> {
  const { device, backbone, params, backboneSha256, folder, featuresFolder, signal } = trainOptions;
  const examples = examplesOf(data);
  const rowLimit = settings.microBatchTokens;
  const options: FeatureOptions<Params> = {
    device,
    backbone,
    params,
    backboneSha256,
    backboneDtype: backboneDtypeOf(trainOptions),
    examples,
    dataSha256: data.sha256,
    rowLimit,
    signal,
  };
  if (settings.features === "recompute") return recomputedFeatures(options);
  const extraction = cachedFeatures(featuresFolder ?? `${folder}/features`, options);
  const started = performance.now();
  let first: number | null = null;
  try {
    for (;;) {
      const next = await extraction.next();
      if (next.done) return next.value;
      const { done, total } = next.value;
      first ??= done;
      const elapsed = (performance.now() - started) / 1000;
      const etaSeconds = done > first ? ((total - done) * elapsed) / (done - first) : 0;
      yield { kind: "features", done, total, etaSeconds };
    }
  } finally {
    // Left early, the extraction still has a file open; finished, this does nothing.
    await extraction.return(undefined as never);
  }
}

/** Indices, into the features, of the pairs and supervised examples of a step. */
function batchOf(
  data: PreparedData,
  { batchSize, seed }: TrainingSettings,
  step: number,
  stepsPerEpoch: number,
): { readonly pairs: readonly number[]; readonly supervised: readonly number[] } {
  const epoch = Math.floor((step - 1) / stepsPerEpoch);
  const start = ((step - 1) % stepsPerEpoch) * batchSize;
  const pairs = [...epochOrder(data.pairs.length, seed, epoch, "pairs").subarray(start, start + batchSize)];
  const { supervised } = data;
  if (supervised === null) return { pairs, supervised: [] };
  const first = data.pairs.length + data.heldOut.length;
  const own = endlessOrder(supervised.length, seed, "supervised", (step - 1) * batchSize, pairs.length);
  return { pairs, supervised: own.map((index) => first + index) };
}

function prefixed<Value>(prefix: string, values: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]));
}

function part(tensors: Readonly<Record<string, Tensor>>, prefix: string): Record<string, Tensor> {
  const own = Object.entries(tensors).filter(([name]) => name.startsWith(`${prefix}.`));
  return Object.fromEntries(own.map(([name, tensor]) => [name.slice(prefix.length + 1), tensor]));
}
