// GenARM: a base model steered by separate autoregressive reward models. Knows neither how they were trained nor where
// they come from.
import type { DecodePolicy } from "@dual-head/sampler";
import { createSumPolicy, strengthOf, weightsOf } from "../policy/sum-policy.ts";

/** An autoregressive reward model: a language model whose log-probabilities are the reward. */
export interface RewardPolicy {
  readonly name: string;
  readonly policy: DecodePolicy;
  /** a: what its log-probabilities count beside the base's; 1 by default. */
  readonly weight?: number | undefined;
}

/**
 * Creates the policy log π ∝ log π_base + Σᵢ aᵢ·log π_r,i (Xu et al. 2024, arXiv 2410.08193). The strength scales every aᵢ, so
 * that 0 is base to the last bit; `weights` share Σaᵢ out anew. The temperature is the sampler's. It takes the models over.
 *
 * @throws PolicyError where the vocabularies differ
 */
export function createGenArmPolicy(base: DecodePolicy, rewards: readonly RewardPolicy[]): DecodePolicy {
  const defaults = rewards.map(({ weight = 1 }) => weight);
  const total = defaults.reduce((sum, weight) => sum + weight, 0);
  return createSumPolicy({
    members: [
      { name: "the base model", policy: base, isReward: false },
      ...rewards.map(({ name, policy }) => ({ name, policy, isReward: true })),
    ],
    coefficients: (controls) => [
      1,
      ...weightsOf(controls, defaults).map((weight) => strengthOf(controls) * total * weight),
    ],
  });
}
