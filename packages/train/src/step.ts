// One step of head and gate: the micro-batches of a batch, and the sums of their figures. Knows no schedule and no files.
import { type Tensor, valueAndGradAux } from "@dual-head/tensor-core";
import { type BatchItem, collate, countBatch, splitBatch } from "./collate.ts";
import { accuracyOf } from "./evaluate.ts";
import type { FeatureSource } from "./features.ts";
import { batchObjective, type ObjectiveModel, type ObjectiveParts, type TrainedParams } from "./objective.ts";
import type { Optimiser } from "./optimiser.ts";
import { rowCountOfExample } from "./rows.ts";
import { takeGradientStep } from "./run/gradient-step.ts";
import type { StepOutcome } from "./run/run-steps.ts";
import type { TrainingSettings } from "./settings.ts";
import type { TokenisedExample } from "./tokenise.ts";

/** What every step of a run shares. */
export interface StepContext {
  readonly model: ObjectiveModel;
  readonly settings: TrainingSettings;
  /** All examples, in the order of their features. */
  readonly examples: readonly TokenisedExample[];
  /** Whether the chosen responses of pairs are learnt by E10, as they are without supervised examples. */
  readonly learnChosen: boolean;
  readonly features: FeatureSource;
  readonly hiddenSize: number;
}

/** Indices, into the features, of the examples of a batch. */
export interface BatchIndices {
  readonly pairs: readonly number[];
  readonly supervised: readonly number[];
}

/** Figures of a batch before its update. */
export interface StepFigures {
  readonly loss: number;
  readonly lm: number;
  readonly preference: number;
  readonly entropy: number;
  readonly accuracy: number;
  readonly alphaMean: number;
  readonly gradNorm: number;
}

/**
 * Takes one step and counts its response tokens. However the batch is cut into micro-batches, losses are divided by the
 * counts of the whole.
 *
 * @throws TrainingError before the update where loss or gradient is not finite
 */
export async function runStep(
  { model, settings, examples, learnChosen, features, hiddenSize }: StepContext,
  optimiser: Optimiser<TrainedParams>,
  indices: BatchIndices,
  learningRate: number,
): Promise<StepOutcome<StepFigures>> {
  const examplesOf = (some: readonly number[]) => some.map((index) => examples[index]!);
  const counts = countBatch(examplesOf(indices.pairs), examplesOf(indices.supervised), learnChosen);
  const contextOnPairs = settings.preferenceOn !== "reward" || model.head.readsHistory;
  const shape = { hiddenSize, learnChosen, contextOnPairs };
  const supervised = new Set(indices.supervised);
  const sums = { lm: 0, preference: 0, entropy: 0, alphaMean: 0 };
  const margins: number[] = [];
  let labelCount = 0;
  const order = [...indices.supervised, ...indices.pairs];
  const { loss, gradNorm } = await takeGradientStep({
    device: model.device,
    optimiser,
    learningRate,
    clipNorm: settings.clipNorm,
    activity: "training",
    pieces: splitBatch(order, (index) => collatedRowCount(examples[index]!), settings.microBatchTokens),
    async differentiate(params, run) {
      const rows = await features.read(run);
      const items = run.map((index, at) => ({ index, example: examples[index]!, rows: rows[at]! }));
      const side = (own: boolean): BatchItem[] => items.filter(({ index }) => supervised.has(index) === own);
      const batch = collate(side(false), side(true), shape);
      labelCount += batch.targets.length;
      const { value, aux, grad } = valueAndGradAux(batchObjective(model, settings, batch, counts))(params);
      const read = await readParts(value, aux);
      sums.lm += read.lm;
      sums.preference += read.preference;
      sums.entropy += read.entropy;
      sums.alphaMean += read.alpha;
      margins.push(...read.margins);
      return { loss: read.loss, grad };
    },
  });
  return { figures: { loss, ...sums, accuracy: accuracyOf(margins), gradNorm }, tokenCount: labelCount };
}

/** Rows an example takes in a micro-batch, where its prompt is repeated for each response. */
function collatedRowCount(example: TokenisedExample): number {
  return rowCountOfExample(example) + (example.responses.length - 1) * example.prompt.length;
}

async function readParts(
  value: Tensor,
  { lm, preference, entropy, alpha, margins }: ObjectiveParts,
): Promise<{ loss: number; lm: number; preference: number; entropy: number; alpha: number; margins: number[] }> {
  const scalar = async (tensor: Tensor) => (await tensor.read())[0]!;
  try {
    return {
      loss: await scalar(value),
      lm: await scalar(lm),
      preference: await scalar(preference),
      entropy: await scalar(entropy),
      alpha: await scalar(alpha),
      margins: margins === null ? [] : [...(await margins.read())],
    };
  } finally {
    for (const tensor of [value, lm, preference, entropy, alpha, margins]) tensor?.dispose();
  }
}
