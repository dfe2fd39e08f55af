// Multi-objective decoding: whole models, each aligned with one objective, mixed by their weights. Knows no training.
import type { DecodePolicy } from "@dual-head/sampler";
import { createSumPolicy, weightsOf } from "../policy/sum-policy.ts";

/** A model aligned with one objective, or the base model itself. */
export interface ObjectivePolicy {
  readonly name: string;
  readonly policy: DecodePolicy;
  /** Share of this model where the controls give no weights; all equal by default. */
  readonly weight?: number | undefined;
}

/**
 * Creates the policy log π ∝ Σᵢ wᵢ·log πᵢ with w on the simplex (Shi et al. 2024, arXiv 2406.18853, for the reverse KL); one-hot
 * weights are that model to the last bit. It takes the models over.
 *
 * @throws PolicyError where the vocabularies differ
 */
export function createModPolicy(objectives: readonly ObjectivePolicy[]): DecodePolicy {
  const defaults = objectives.map(({ weight = 1 }) => weight);
  return createSumPolicy({
    members: objectives.map(({ name, policy }) => ({ name, policy, isReward: false })),
    coefficients: (controls) => weightsOf(controls, defaults),
  });
}
