// The Bradley-Terry reward model of whole texts, which ARGS, best-of-n and CARDS search with.
import { bradleyTerryObjective } from "@dual-head/train";
import type { TrainingRecipe } from "../training/recipe.ts";

/** Options of the Bradley-Terry objective. */
export interface BradleyTerryOptions extends Readonly<Record<string, number>> {
  /** What scores of a pair must differ by. */
  readonly margin: number;
  /** c of c·(r⁺ + r⁻)², which holds scores around 0. */
  readonly centre: number;
}

/** A score head on a model that is trained with it: 64 pairs a step, one epoch, rate 1e-5 as is usual for reward models. */
export const bradleyTerryRecipe: TrainingRecipe<BradleyTerryOptions> = {
  method: "bradley-terry",
  title: "Bradley-Terry reward model",
  trains: "scored",
  lora: null,
  options: { margin: 0, centre: 0.01 },
  settings: { epochs: 1, batchSize: 64, warmupFraction: 0.05 },
  learningRate: 1e-5,
  objective: (options) => bradleyTerryObjective({ ...bradleyTerryRecipe.options, ...options }),
};
