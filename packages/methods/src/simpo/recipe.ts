// SimPO: the policy itself is trained by mean log-probabilities, without a reference.
import { simpoObjective } from "@dual-head/train";
import { everyMatrix, type TrainingRecipe } from "../training/recipe.ts";

/** Options of SimPO's objective. */
export interface SimpoOptions extends Readonly<Record<string, number>> {
  readonly beta: number;
  /** γ/β, the margin aimed at, in nats a token. */
  readonly gammaRatio: number;
}

/** SimPO: β 2 to 2.5, γ/β .25 to .8, rate 3e-7 to 1e-6, 128 pairs a step, one epoch, cosine after a tenth of warm-up. */
export const simpoRecipe: TrainingRecipe<SimpoOptions> = {
  method: "simpo",
  title: "SimPO, preference optimisation without a reference (arXiv:2405.14734)",
  trains: "whole",
  lora: everyMatrix,
  options: { beta: 2, gammaRatio: 0.5 },
  settings: { epochs: 1, batchSize: 128, warmupFraction: 0.1 },
  learningRate: 1e-6,
  objective: (options) => simpoObjective({ ...simpoRecipe.options, ...options }),
};
