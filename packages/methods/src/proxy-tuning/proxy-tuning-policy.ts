// Proxy-tuning (DExperts): a base model moved by the difference between a small tuned model and the same untuned.
// Knows no training.
import type { DecodePolicy } from "@dual-head/sampler";
import { createSumPolicy, strengthOf } from "../policy/sum-policy.ts";

/** The three models, of one vocabulary. */
export interface ProxyTuningModels {
  readonly base: DecodePolicy;
  readonly expert: DecodePolicy;
  readonly antiExpert: DecodePolicy;
}

/**
 * Creates the policy z + s·(z_expert − z_anti) (Liu et al. 2021, arXiv 2105.03023; 2024, arXiv 2401.08565); s is the strength of
 * the controls, 1 by default, and 0 is base to the last bit. It takes the models over.
 *
 * @throws PolicyError where the vocabularies differ
 */
export function createProxyTuningPolicy({ base, expert, antiExpert }: ProxyTuningModels): DecodePolicy {
  return createSumPolicy({
    members: [
      { name: "the base model", policy: base, isReward: false },
      { name: "the expert", policy: expert, isReward: false },
      { name: "the anti-expert", policy: antiExpert, isReward: false },
    ],
    coefficients: (controls) => [1, strengthOf(controls), -strengthOf(controls)],
  });
}
