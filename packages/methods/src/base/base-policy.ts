// The base model as a policy: the frozen backbone and its own head. Knows no reward; controls have no effect.
import type { Backbone, PrefixCache } from "@dual-head/backbone";
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
  /** The most tokens that go through the backbone at once, 512 by default. */
  readonly chunkSize?: number | undefined;
  /** Where prefixes are looked up and kept; it stays the caller's and outlives the policy. */
  readonly prefixCache?: PrefixCache | undefined;
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
