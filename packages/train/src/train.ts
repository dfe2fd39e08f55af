// Training of a reward head and a gate on a frozen backbone: the loop, its events, checkpoints, and its end.
// Everything it does is in the files beside it; it knows no command line and no terminal.
import type { Backbone } from "@dual-head/backbone";
import { createDirectory, findPathKind, memorySource, removePartialFiles, sha256 } from "@dual-head/bytes";
import type { PreferencePair, SftExample } from "@dual-head/data";
import { checkGateMode, createGate, type GateConfig } from "@dual-head/gating";
import { createHead, type HeadConfig } from "@dual-head/heads";
import type { Device, Tensor } from "@dual-head/tensor-core";
import { TrainingError } from "./errors.ts";
import { evaluatePairs } from "./evaluate.ts";
import type { StepEvent, TrainEvent } from "./events.ts";
import { cachedFeatures, type FeatureOptions, type FeatureSource, recomputedFeatures } from "./features.ts";
import { cardFileName, headsFileName, saveHeads, withAbsent } from "./heads-file.ts";
import { type MetricsLog, metricsFileName, openMetrics, type StepMetrics } from "./metrics.ts";
import type { TrainedParams } from "./objective.ts";
import { createOptimiser, freeTree, type Optimiser } from "./optimiser.ts";
import { type PreparedData, prepareData } from "./prepare.ts";
import { cosineRate, endlessOrder, epochOrder } from "./schedule.ts";
import { completeSettings, defaultGate, defaultHead, defaultLearningRate, type TrainingSettings } from "./settings.ts";
import { runStep, type StepContext } from "./step.ts";
import type { ExampleTokenizer, TokenisedExample } from "./tokenise.ts";
import { hasState, loadState, type RunIdentity, saveState, stateFileName } from "./training-state.ts";

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
  const interval = checkInterval(options.checkpointInterval ?? defaultCheckpointInterval);
  const { hiddenSize, vocabSize, maxTokens } = backbone.config;
  const settings = { ...completed, learningRate: completed.learningRate ?? defaultLearningRate(hiddenSize) };
  const shape = { head: options.head ?? defaultHead, gate: options.gate ?? defaultGate(hiddenSize) };
  const [head, gate] = [createHead(shape.head), createGate(shape.gate)];
  checkGateMode(settings.mixing, gate);
  signal?.throwIfAborted();
  await createDirectory(folder);
  const resuming = await hasState(folder);
  const occupied = resuming
    ? stateFileName
    : (await findPathKind(`${folder}/${headsFileName}`)) === "missing"
      ? null
      : headsFileName;
  if (occupied !== null && !(resuming && options.resume === true)) {
    const remedy = resuming ? "resume that run or choose another folder" : "choose another folder";
    throw new TrainingError(
      "output-exists",
      `Cannot train into ${folder}: it holds ${occupied} of a former run; ${remedy}`,
    );
  }

  for (const name of [stateFileName, headsFileName, cardFileName, metricsFileName]) {
    await removePartialFiles(`${folder}/${name}`);
  }
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
  const identity: RunIdentity = {
    runSha256: await sha256(
      memorySource(new TextEncoder().encode(JSON.stringify([description, data.sha256])), "the run"),
    ),
    device: device.name,
    variant: device.info.variant,
  };
  const shapes = {
    ...prefixed("head", head.parameterShapes(hiddenSize, vocabSize)),
    ...prefixed("gate", gate.parameterShapes),
  };
  const state = resuming ? await loadState(folder, device, identity, shapes) : null;
  const lmHead = backbone.lmHead(options.params);
  let optimiser: Optimiser<TrainedParams> | null = null;
  let features: FeatureSource | null = null;
  try {
    const initial: TrainedParams =
      state === null
        ? { head: head.init(device, settings.seed, lmHead), gate: gate.init(device, settings.seed) }
        : { head: withAbsent(part(state.parameters, "head"), shape.head), gate: part(state.parameters, "gate") };
    optimiser = createOptimiser(
      device,
      initial,
      settings,
      state === null ? undefined : { stepCount: state.step, moments: state.moments },
    );
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
    const warmupStepCount = Math.round(settings.warmupFraction * totalSteps);
    const rate = { learningRate: settings.learningRate, stepCount: totalSteps, warmupStepCount };
    const context: StepContext = {
      model: { device, lmHead, head, gate },
      settings,
      examples: examplesOf(data),
      learnChosen: data.supervised === null,
      features,
      hiddenSize,
    };
    const formerSeconds = state?.seconds ?? 0;
    let seconds = 0;
    let tokens = 0;
    let savedStep = startStep;
    const held = optimiser;
    const figures = () => ({
      step: held.stepCount,
      stepCount: totalSteps,
      trainLoss: held.stepCount === 0 ? null : meanLossAtEnd(metrics.steps),
      device: `${device.name} (${device.info.variant})`,
    });
    const checkpoint = async (): Promise<TrainEvent> => {
      await saveState(folder, held, identity, formerSeconds + seconds);
      savedStep = held.stepCount;
      // Heads too: whatever happens later, the run so far is of use.
      await saveHeads(folder, held.params, { ...description, figures: { ...figures(), heldOut: null } });
      return { kind: "checkpoint", step: savedStep, path: `${folder}/${stateFileName}` };
    };

    while (held.stepCount < totalSteps) {
      if (signal?.aborted) {
        if (held.stepCount > savedStep) yield await checkpoint();
        signal.throwIfAborted();
      }
      const step = held.stepCount + 1;
      const started = performance.now();
      const batch = batchOf(data, settings, step, stepsPerEpoch);
      const learningRate = cosineRate(step, rate);
      const result = await runStep(context, held, batch, learningRate);
      const elapsed = (performance.now() - started) / 1000;
      seconds += elapsed;
      tokens += result.labelCount;
      const entry: StepMetrics = {
        step,
        epoch: step / stepsPerEpoch,
        ...result.figures,
        learningRate,
        tokensPerSecond: result.labelCount / elapsed,
      };
      await metrics.append(entry);
      const etaSeconds = ((totalSteps - step) * seconds) / (step - startStep);
      yield { kind: "step", ...entry, totalSteps, etaSeconds } satisfies StepEvent;
      if (step % interval === 0 && step < totalSteps) yield await checkpoint();
    }

    if (held.stepCount > savedStep) yield await checkpoint();
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
        trainLoss: meanLossAtEnd(metrics.steps),
        trainLossAtStart: meanLoss(metrics.steps.slice(0, tenth(metrics.steps.length))),
        heldOut,
        trainable: {
          head: head.parameterCount(hiddenSize, vocabSize),
          gate: gate.parameterCount,
        },
        seconds: formerSeconds + seconds,
        tokensPerSecond: seconds > 0 ? tokens / seconds : 0,
        peakBytes: device.stats.peakBytes,
      },
    };
  } finally {
    await features?.close();
    optimiser?.[Symbol.dispose]();
  }
}

function checkInterval(interval: number): number {
  if (Number.isSafeInteger(interval) && interval > 0) return interval;
  throw new TrainingError("options", `Cannot train: checkpointInterval is ${interval} and must be a positive integer`);
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

/** A tenth of the steps, one at least. */
function tenth(count: number): number {
  return Math.max(1, Math.floor(count / 10));
}

function meanLoss(steps: readonly StepMetrics[]): number {
  return steps.reduce((sum, { loss }) => sum + loss, 0) / steps.length;
}

function meanLossAtEnd(steps: MetricsLog["steps"]): number {
  return meanLoss(steps.slice(-tenth(steps.length)));
}
