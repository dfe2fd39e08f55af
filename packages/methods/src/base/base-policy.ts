// The base model as a policy: the frozen backbone and its own head. Knows no reward; controls have no effect.
import type { Backbone } from "@dual-head/backbone";
import type { DecodePolicy } from "@dual-head/sampler";
import type { Device } from "@dual-head/tensor-core";
import { createHeadPolicy } from "../dual-head/dual-head-policy.ts";

/** What a base policy is made of. */
export interface BasePolicyOptions<Params> {
  readonly backbone: Backbone<Params>;
  readonly params: Params;
  readonly device: Device;
  /** The most sequences open at once. */
  readonly slotCount: number;
  /** The most tokens of one sequence, at most the backbone's positions. */
  readonly capacity: number;
}

/**
 * Creates the policy of the base model, softmax(W_LM·h_t + b_LM): dual-head without heads. α is null.
 *
 * @equation E2
 * @throws PolicyError where extents cannot be
 */
export function createBasePolicy<Params>(options: BasePolicyOptions<Params>): DecodePolicy {
  return createHeadPolicy({ ...options, heads: [], mixing: "convex" });
}
