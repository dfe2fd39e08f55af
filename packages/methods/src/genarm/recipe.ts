// GenARM's reward model: a language model of its own whose summed log-probabilities are the reward.
import { armObjective } from "@dual-head/train";
import type { TrainingRecipe } from "../training/recipe.ts";

/** Options of GenARM's objective. */
export interface GenArmOptions extends Readonly<Record<string, number>> {
  /** β, on the difference of summed log-probabilities. */
  readonly beta: number;
}

/**
 * GenARM on HH-RLHF: β .05, rate 5e-4, 32 pairs a step, one epoch, cosine; LoRA of rank 8 and alpha 16 on queries, keys and
 * values, which are the 6.3M parameters it has on a LLaMA of 7B. Its 100 steps of warm-up are 2 % of those on HH-RLHF,
 * and are that share here. Its authors have β .5 for helpfulness and .01 for harmlessness on SafeRLHF.
 */
export const genArmRecipe: TrainingRecipe<GenArmOptions> = {
  method: "genarm",
  title: "GenARM, an autoregressive reward model (arXiv:2410.08193)",
  trains: "lora",
  lora: { rank: 8, alpha: 16, targets: ["query", "key", "value"] },
  options: { beta: 0.05 },
  settings: { epochs: 1, batchSize: 32, warmupFraction: 0.02 },
  learningRate: 1e-6,
  objective: (options) => armObjective({ ...genArmRecipe.options, ...options }),
};
