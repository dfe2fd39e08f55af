// One optimiser step: micro-batches, their gradients added up, the norm clipped, AdamW. Knows no schedule and no files.
import { type Device, leavesOf, type Tensor, valueAndGradAux } from "@dual-head/tensor-core";
import { type BatchItem, collate, countBatch, splitBatch } from "./collate.ts";
import { TrainingError } from "./errors.ts";
import { accuracyOf } from "./evaluate.ts";
import type { FeatureSource } from "./features.ts";
import { batchObjective, type ObjectiveModel, type ObjectiveParts, type TrainedParams } from "./objective.ts";
import { addGradients, freeTree, type Optimiser, squaredNorm } from "./optimiser.ts";
import { rowCountOfExample } from "./rows.ts";
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

/** A step's figures, and its response tokens. */
export interface StepResult {
  readonly figures: StepFigures;
  readonly labelCount: number;
}

/**
 * Takes one step. However the batch is cut into micro-batches, losses are divided by the counts of the whole, so that
 * the gradient is that of the whole up to the order of sums.
 *
 * @throws TrainingError before the update where loss or gradient is not finite
 */
export async function runStep(
  { model, settings, examples, learnChosen, features, hiddenSize }: StepContext,
  optimiser: Optimiser<TrainedParams>,
  indices: BatchIndices,
  learningRate: number,
): Promise<StepResult> {
  const { device } = model;
  const examplesOf = (some: readonly number[]) => some.map((index) => examples[index]!);
  const counts = countBatch(examplesOf(indices.pairs), examplesOf(indices.supervised), learnChosen);
  const shape = { hiddenSize, learnChosen, gateOnPairs: settings.preferenceOn === "fused" };
  const supervised = new Set(indices.supervised);
  const sums = { loss: 0, lm: 0, preference: 0, entropy: 0, alphaMean: 0 };
  const margins: number[] = [];
  let labelCount = 0;
  let gradients: TrainedParams | null = null;
  try {
    const order = [...indices.supervised, ...indices.pairs];
    for (const run of splitBatch(order, (index) => collatedRowCount(examples[index]!), settings.microBatchTokens)) {
      const rows = await features.read(run);
      const items = run.map((index, at) => ({ index, example: examples[index]!, rows: rows[at]! }));
      const side = (own: boolean): BatchItem[] => items.filter(({ index }) => supervised.has(index) === own);
      const batch = collate(side(false), side(true), shape);
      labelCount += batch.targets.length;
      const differentiate = valueAndGradAux(batchObjective(model, settings, batch, counts));
      const { value, aux, grad } = differentiate(optimiser.params);
      gradients = gradients === null ? grad : addGradients(device, gradients, grad);
      const read = await readParts(value, aux);
      sums.loss += read.loss;
      sums.lm += read.lm;
      sums.preference += read.preference;
      sums.entropy += read.entropy;
      sums.alphaMean += read.alpha;
      margins.push(...read.margins);
    }
    const gradNorm = await normOf(device, gradients);
    checkFinite(optimiser.stepCount + 1, "loss", sums.loss);
    checkFinite(optimiser.stepCount + 1, "norm of the gradient", gradNorm);
    optimiser.step(gradients!, Math.min(1, settings.clipNorm / Math.max(gradNorm, 1e-30)), learningRate);
    return { figures: { ...sums, accuracy: accuracyOf(margins), gradNorm }, labelCount };
  } finally {
    freeTree(gradients);
  }
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

/** The global norm; 0 where nothing is trained. */
async function normOf(device: Device, gradients: unknown): Promise<number> {
  if (leavesOf<Tensor>(gradients).length === 0) return 0;
  using squared = squaredNorm(device, gradients);
  return Math.sqrt((await squared.read())[0]!);
}

function checkFinite(step: number, what: string, value: number): void {
  if (Number.isFinite(value)) return;
  throw new TrainingError(
    "not-finite",
    `Cannot go on training: the ${what} of step ${step} is ${value}; the last checkpoint is kept, lower the learning rate or check the data`,
    { step },
  );
}
