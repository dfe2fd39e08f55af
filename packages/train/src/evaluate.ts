// How often the chosen response is preferred, beside what is untrained and a rule of length, with an interval; of a reward
// head, measured here.
import type { HeadParams } from "@dual-head/heads";
import { collate, splitBatch } from "./collate.ts";
import { TrainingError } from "./errors.ts";
import type { FeatureSource } from "./features.ts";
import { type ObjectiveModel, rewardMargins } from "./objective.ts";
import { rowCountOfExample } from "./rows.ts";
import type { TokenisedExample } from "./tokenise.ts";

/** Accuracies on pairs never trained on: shares whose chosen response has the larger reward (of heads Σ log π_r), ties half. */
export interface HeldOutFigures {
  readonly pairs: number;
  readonly accuracy: number;
  /** Wilson 95 % interval of the accuracy. */
  readonly low: number;
  readonly high: number;
  /** The same before training. */
  readonly untrained: number;
  /** Of the rule that the response of fewer tokens wins: Σ log π leans to short responses, whoever π is. */
  readonly shorterWins: number;
}

/** The share of margins above 0, ties counting half. */
export function accuracyOf(margins: ArrayLike<number>): number {
  const wins = Array.from(margins, (margin): number => (margin > 0 ? 1 : margin === 0 ? 0.5 : 0));
  return wins.reduce((sum, win) => sum + win, 0) / wins.length;
}

/** Wilson's score interval of a share seen in `count` trials; z = 1.96 for 95 %. */
export function wilsonInterval(
  share: number,
  count: number,
  z: number = 1.959963984540054,
): { readonly low: number; readonly high: number } {
  const square = (z * z) / count;
  const middle = (share + square / 2) / (1 + square);
  const half = (z / (1 + square)) * Math.sqrt((share * (1 - share)) / count + square / (4 * count));
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}

/** What `evaluatePairs` needs. */
export interface EvaluationOptions {
  readonly model: Omit<ObjectiveModel, "gate">;
  readonly features: FeatureSource;
  readonly hiddenSize: number;
  /** The held-out pairs, and where their features begin. */
  readonly pairs: readonly TokenisedExample[];
  readonly firstIndex: number;
  readonly rowLimit: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Compares a trained with an untrained head on held-out pairs; null where there are none.
 *
 * @throws TrainingError where a reward is not finite
 */
export async function evaluatePairs(
  options: EvaluationOptions,
  trained: HeadParams,
  untrained: HeadParams,
): Promise<HeldOutFigures | null> {
  const { pairs, features, firstIndex, hiddenSize, model, rowLimit, signal } = options;
  if (pairs.length === 0) return null;
  const [after, before]: [number[], number[]] = [[], []];
  for (const run of splitBatch([...pairs.keys()], (index) => rowCountOfExample(pairs[index]!), rowLimit)) {
    signal?.throwIfAborted();
    const rows = await features.read(run.map((index) => firstIndex + index));
    const items = run.map((index, at) => ({ example: pairs[index]!, rows: rows[at]! }));
    const batch = collate(items, [], { hiddenSize, learnChosen: false, contextOnPairs: model.head.readsHistory });
    for (const [head, margins] of [
      [trained, after],
      [untrained, before],
    ] as const) {
      using tensor = rewardMargins(model, head, batch);
      const values = await tensor.read();
      // Neither a win nor a loss: counted as either it would pass for a measurement.
      if (!values.every(Number.isFinite)) {
        throw new TrainingError(
          "not-finite",
          "Cannot measure the held-out accuracy: a reward is not a finite number; lower the learning rate and train again",
        );
      }
      margins.push(...values);
    }
  }
  return heldOutFigures(pairs, after, before);
}

/** The figures of margins after and before training, those of the pairs in their order; null where there are none. */
export function heldOutFigures(
  pairs: readonly TokenisedExample[],
  after: readonly number[],
  before: readonly number[],
): HeldOutFigures | null {
  if (pairs.length === 0) return null;
  const lengths = pairs.map(({ responses: [chosen, rejected] }) => rejected!.length - chosen!.length);
  const accuracy = accuracyOf(after);
  return {
    pairs: pairs.length,
    accuracy,
    ...wilsonInterval(accuracy, pairs.length),
    untrained: accuracyOf(before),
    shorterWins: accuracyOf(lengths),
  };
}
