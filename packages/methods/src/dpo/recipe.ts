// DPO: the policy itself is trained, held to what it was before.
import { dpoObjective } from "@dual-head/train";
import { everyMatrix, type TrainingRecipe } from "../training/recipe.ts";

/** Options of DPO's objective. */
export interface DpoOptions extends Readonly<Record<string, number>> {
  /** β: the smaller, the further the policy may go from the reference. */
  readonly beta: number;
  /** ε, the share of labels taken to be wrong. */
  readonly labelSmoothing: number;
}

/**
 * DPO: β .1, rate 5e-7 to 1e-6, 64 pairs a step, one epoch, warm-up over the first tenth. The cosine is of later programs;
 * the authors' keeps the rate.
 */
export const dpoRecipe: TrainingRecipe<DpoOptions> = {
  method: "dpo",
  title: "DPO, direct preference optimisation (arXiv:2305.18290)",
  trains: "whole",
  lora: everyMatrix,
  options: { beta: 0.1, labelSmoothing: 0 },
  settings: { epochs: 1, batchSize: 64, warmupFraction: 0.1 },
  learningRate: 1e-6,
  objective: (options) => dpoObjective({ ...dpoRecipe.options, ...options }),
};
