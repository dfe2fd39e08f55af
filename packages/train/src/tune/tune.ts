// Fine-tuning of a model on preference pairs by any objective over them: the run, its events, checkpoints, resuming.
// Knows no method, no architecture, and nothing of how a model is written to disk.
import type { Backbone } from "@dual-head/backbone";
import { memorySource, sha256 } from "@dual-head/bytes";
import { type Device, leavesOf, replaceLeaves, sizeOf, type Tensor, valueAndGradAux } from "@dual-head/tensor-core";
import { TrainingError } from "../errors.ts";
import { accuracyOf, heldOutFigures } from "../evaluate.ts";
import { lossAtEnd, lossAtStart, openMetrics } from "../metrics.ts";
import type { Optimiser } from "../optimiser.ts";
import { hashExamples } from "../prepare.ts";
import { takeGradientStep } from "../run/gradient-step.ts";
import { identityOf, openOptimiser, openRunFolder } from "../run/run-folder.ts";
import { checkInterval, runSteps, type StepClock, type StepOutcome } from "../run/run-steps.ts";
import { epochOrder } from "../schedule.ts";
import type { TokenisedExample } from "../tokenise.ts";
import { saveState, stateFileName } from "../training-state.ts";
import {
  type CompareContext,
  compareAll,
  comparePairs,
  type ReferredPair,
  referencePairs,
  splitPairs,
} from "./compare.ts";
import type { TuneEvent, TuneFigures, TuneReferenceEvent, TuneStepFigures } from "./events.ts";
import type { PairObjective } from "./objectives.ts";
import { rowCountOfPair } from "./pair-batch.ts";
import { completeTuneSettings, type TuneSettings } from "./settings.ts";
import { copyTree, type Trainable } from "./trainable.ts";

/** What `tune` needs. */
export interface TuneOptions<Params, Trained> {
  readonly device: Device;
  readonly backbone: Backbone<Params>;
  /** What is trained and the model it makes, on `device`. */
  readonly trainable: Trainable<Params, Trained>;
  readonly objective: PairObjective;
  /**
   * Of the files the model was loaded from, by which a run of other weights is known. Without it they are told apart by all
   * tensors that are trained, which are read once, and the model's first.
   */
  readonly modelSha256?: string | undefined;
  /** Two responses each, chosen and rejected, as `prepareData` gives them. */
  readonly pairs: readonly TokenisedExample[];
  /** Pairs never trained on; default none. */
  readonly heldOut?: readonly TokenisedExample[] | undefined;
  /** The folder for metrics and state, which is created; null writes nothing. */
  readonly folder: string | null;
  readonly settings?: Partial<TuneSettings> | undefined;
  /** Called with what is trained at every checkpoint and at the end; it is valid until the promise resolves. */
  readonly save?: ((trained: Trained, figures: TuneFigures) => Promise<void>) | undefined;
  /** Files that `save` writes into the folder; where it holds the first of them and no state, it is refused. */
  readonly outputs?: readonly string[] | undefined;
  /** Goes on with the run in `folder` where there is one; without it a folder that holds a run is refused. */
  readonly resume?: boolean | undefined;
  /** Optimiser steps between checkpoints; default 100. The last step always makes one. */
  readonly checkpointInterval?: number | undefined;
  /** Aborting writes a checkpoint of the last whole step and throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Trains what `trainable` names on pairs; the last event carries the summary and what was trained. The model that was
 * given is not changed. Where an objective refers to the model before training, its log-probabilities are computed once,
 * before the first step.
 *
 * Killed at any moment and resumed it gives the same bits on devices whose kernels are deterministic. Leaving the
 * iteration before its end frees everything.
 *
 * @throws TrainingError for settings or data that cannot be, an occupied folder, a resume that does not match, or a loss
 * or gradient that is not finite; the last checkpoint stays as it is
 * @throws FileError where the folder is not writable
 */
export async function* tune<Params, Trained>(
  options: TuneOptions<Params, Trained>,
): AsyncGenerator<TuneEvent<Trained>, void, undefined> {
  const { device, backbone, trainable, objective, folder, heldOut = [], signal } = options;
  const settings = completeTuneSettings(options.settings ?? {});
  const checkpointInterval = checkInterval("tune", options.checkpointInterval ?? 100);
  const leaves = leavesOf<Tensor>(trainable.initial);
  checkData(options, leaves.length);
  signal?.throwIfAborted();
  const resuming =
    folder !== null &&
    (await openRunFolder(folder, { verb: "tune", resume: options.resume === true, outputs: options.outputs }));
  const shapes = Object.fromEntries(leaves.map(({ path, leaf }) => [path, leaf.shape]));
  const context: CompareContext<Params, Trained> = {
    device,
    backbone,
    trainable,
    objective,
    microBatchTokens: settings.microBatchTokens,
    signal,
  };
  const identity = await identityOf(device, await describeRun(options, settings, shapes));
  const { pairs, heldOutPairs } = yield* referTo(context, options.pairs, heldOut);
  const before = await compareAll(context, trainable.initial, heldOutPairs);
  const { optimiser, formerSeconds } = await openOptimiser<Trained>({
    device,
    stateFolder: resuming ? folder : null,
    identity,
    shapes,
    constants: settings,
    fresh: () => copyTree(device, trainable.initial),
    restore: (tensors) => replaceLeaves(trainable.initial, new Map(Object.entries(tensors))),
  });
  try {
    const metrics = await openMetrics<StepClock & TuneStepFigures>(folder, optimiser.stepCount);
    const stepsPerEpoch = Math.ceil(pairs.length / settings.batchSize);
    const totalSteps = settings.epochs * stepsPerEpoch;
    const figures = (): TuneFigures => ({
      step: optimiser.stepCount,
      stepCount: totalSteps,
      trainLoss: lossAtEnd(metrics.steps),
      heldOut: null,
      device: `${device.name} (${device.info.variant})`,
    });
    const saveInto = (path: string) => async (seconds: number) => {
      await saveState(path, optimiser, identity, seconds);
      // After the last step the model is written with its figures.
      if (optimiser.stepCount < totalSteps) await options.save?.(optimiser.params, figures());
      return { step: optimiser.stepCount, path: `${path}/${stateFileName}` };
    };
    const save = folder === null ? null : saveInto(folder);
    const totals = yield* runSteps({
      stepCount: () => optimiser.stepCount,
      totalSteps,
      learningRate: settings.learningRate,
      warmupFraction: settings.warmupFraction,
      checkpointInterval,
      metrics,
      formerSeconds,
      signal,
      async take(step, learningRate) {
        const epoch = Math.floor((step - 1) / stepsPerEpoch);
        const start = ((step - 1) % stepsPerEpoch) * settings.batchSize;
        const order = epochOrder(pairs.length, settings.seed, epoch, "pairs");
        const batch = [...order.subarray(start, start + settings.batchSize)].map((index) => pairs[index]!);
        const { figures: own, tokenCount } = await takeTuneStep(context, optimiser, batch, learningRate, settings);
        return { figures: { epoch: step / stepsPerEpoch, ...own }, tokenCount };
      },
      save,
    });
    if (save !== null && optimiser.stepCount > totals.savedStep) {
      yield { kind: "checkpoint", ...(await save(totals.seconds)) };
    }
    const after = await compareAll(context, optimiser.params, heldOutPairs);
    const measured = heldOutFigures(heldOut, after.margins, before.margins);
    await options.save?.(optimiser.params, { ...figures(), heldOut: measured });
    const { steps } = metrics;
    yield {
      kind: "end",
      summary: {
        steps: optimiser.stepCount,
        trainLoss: lossAtEnd(steps),
        trainLossAtStart: lossAtStart(steps),
        heldOut: measured,
        heldOutLoss: after.loss === null ? null : { untrained: before.loss!, trained: after.loss },
        trainable: leaves.reduce((sum, { leaf }) => sum + sizeOf(leaf.shape), 0),
        seconds: totals.seconds,
        tokensPerSecond: totals.tokensPerSecond,
        peakBytes: device.stats.peakBytes,
      },
      trained: optimiser.release(),
    };
  } finally {
    optimiser[Symbol.dispose]();
  }
}

/** Pairs with the reference's log-probabilities, where the objective asks for them. */
async function* referTo<Params, Trained>(
  context: CompareContext<Params, Trained>,
  pairs: readonly TokenisedExample[],
  heldOut: readonly TokenisedExample[],
): AsyncGenerator<
  TuneReferenceEvent,
  { readonly pairs: readonly ReferredPair[]; readonly heldOutPairs: readonly ReferredPair[] },
  undefined
> {
  const plain = (examples: readonly TokenisedExample[]) => examples.map((example) => ({ example, reference: [] }));
  if (!context.objective.needsReference) return { pairs: plain(pairs), heldOutPairs: plain(heldOut) };
  const total = pairs.length + heldOut.length;
  const started = performance.now();
  const lists: ReferredPair[][] = [[], []];
  let done = 0;
  for (const [list, examples] of [pairs, heldOut].entries()) {
    for await (const run of referencePairs(context, context.trainable.initial, examples)) {
      lists[list]!.push(...run);
      done += run.length;
      const etaSeconds = ((total - done) * (performance.now() - started)) / 1000 / done;
      yield { kind: "reference", done, total, etaSeconds };
    }
  }
  return { pairs: lists[0]!, heldOutPairs: lists[1]! };
}

async function takeTuneStep<Params, Trained>(
  context: CompareContext<Params, Trained>,
  optimiser: Optimiser<Trained>,
  batch: readonly ReferredPair[],
  learningRate: number,
  { clipNorm, microBatchTokens }: TuneSettings,
): Promise<StepOutcome<Omit<TuneStepFigures, "epoch">>> {
  const margins: number[] = [];
  const { loss, gradNorm } = await takeGradientStep({
    device: context.device,
    optimiser,
    learningRate,
    clipNorm,
    activity: "tuning",
    pieces: splitPairs(batch, microBatchTokens),
    async differentiate(params, piece) {
      const objective = (trained: Trained) => {
        const compared = comparePairs(context, trained, piece, batch.length);
        return { value: compared.loss, aux: compared.margins };
      };
      const { value, aux, grad } = valueAndGradAux(objective)(params);
      using heldValue = value;
      using heldMargins = aux;
      margins.push(...(await heldMargins.read()));
      return { loss: (await heldValue.read())[0]!, grad };
    },
  });
  return {
    figures: {
      loss,
      margin: margins.reduce((sum, margin) => sum + margin, 0) / margins.length,
      accuracy: accuracyOf(margins),
      gradNorm,
    },
    tokenCount: batch.reduce((sum, { example }) => sum + rowCountOfPair(example), 0),
  };
}

function checkData<Params, Trained>(
  { pairs, heldOut = [], backbone }: TuneOptions<Params, Trained>,
  leafCount: number,
): void {
  if (leafCount === 0) {
    throw new TrainingError("options", "Cannot tune: nothing is trained; give parameters, changes or a score head");
  }
  if (pairs.length === 0) {
    throw new TrainingError("empty-data", "Cannot tune: there is no preference pair to train on; give some");
  }
  const { maxTokens } = backbone.config;
  for (const { prompt, responses } of [...pairs, ...heldOut]) {
    const counts = responses.map((response) => response.length);
    if (prompt.length > 0 && counts.length === 2 && Math.min(...counts) > 0) {
      if (prompt.length + Math.max(...counts) - 1 <= maxTokens) continue;
    }
    throw new TrainingError(
      "options",
      `Cannot tune: a pair has a prompt of ${prompt.length} tokens and responses of ${counts.join(" and ")}, and must have a prompt and two responses within ${maxTokens} positions; prepare the data for this model`,
    );
  }
}

/** Everything that decides the numbers of a run. */
async function describeRun<Params, Trained>(
  { device, backbone, trainable, objective, modelSha256, pairs, heldOut = [] }: TuneOptions<Params, Trained>,
  settings: TuneSettings,
  shapes: Readonly<Record<string, readonly number[]>>,
): Promise<readonly unknown[]> {
  // Other weights are another run. What is trained beside them begins by the seed, which the settings have.
  const starts: string[] = modelSha256 === undefined ? [] : [modelSha256];
  const trained = leavesOf<Tensor>(trainable.initial).map(({ leaf }) => leaf);
  const first = device.scope(() => leavesOf<Tensor>(trainable.assemble(trainable.initial).params)[0]!.leaf);
  for (const leaf of modelSha256 === undefined ? [first, ...trained] : []) {
    const values = await leaf.read();
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    starts.push(await sha256(memorySource(bytes, "the run")));
  }
  const data = await hashExamples([pairs, heldOut, []]);
  return ["tune", objective.config, settings, backbone.config, shapes, starts, data];
}
