// Several objectives at once: a reward head and gate for each on one backbone, with their shares chosen at run time by
// name. Knows no training.
import type { DecodePolicy } from "@dual-head/sampler";
import { createDualHeadPolicy, type DualHeadPolicyOptions } from "../dual-head/dual-head-policy.ts";
import { PolicyError } from "../policy/errors.ts";

/** A dual-head policy whose weights have names. */
export interface MultiObjectivePolicy extends DecodePolicy {
  /** Names of the objectives in the order of `Controls.weights`. */
  readonly objectives: readonly string[];
  /**
   * Weights in that order, scaled to sum 1; objectives left out weigh 0.
   *
   * @throws PolicyError for a name that is none, a negative weight, or weights that are all 0
   */
  weightsFor(shares: Readonly<Record<string, number>>): readonly number[];
}

/**
 * Creates z_t = (1 − Σ wᵢαᵢ)·z_LM + Σ wᵢαᵢ·zᵢ with w on the simplex and a gate for each head; in `convex` mode one-hot weights
 * equal that head alone.
 *
 * @throws PolicyError where two objectives have one name, and as createDualHeadPolicy
 */
export function createMultiObjectivePolicy<Params>(options: DualHeadPolicyOptions<Params>): MultiObjectivePolicy {
  const objectives = options.heads.map(({ name }) => name);
  const twice = objectives.find((name, index) => objectives.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new PolicyError(
      "heads",
      `Cannot create the policy: two heads are named ${twice}; give each a name of its own`,
    );
  }
  const weightsFor = (shares: Readonly<Record<string, number>>): readonly number[] => {
    const stranger = Object.keys(shares).find((name) => !objectives.includes(name));
    if (stranger !== undefined) {
      throw new PolicyError("weights", `Cannot weigh ${stranger}: the objectives are ${objectives.join(", ")}`);
    }
    const weights = objectives.map((name) => shares[name] ?? 0);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    if (!weights.every((weight) => weight >= 0) || !(total > 0)) {
      throw new PolicyError(
        "weights",
        `Cannot weigh the objectives by [${weights.join(", ")}]: none may be negative and one must be above 0`,
      );
    }
    return weights.map((weight) => weight / total);
  };
  return Object.assign(createDualHeadPolicy(options), { objectives, weightsFor });
}
