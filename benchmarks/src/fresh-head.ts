// Policies over one backbone, base and with a fresh head: a linear head of its own behind the default gate, as expensive
// as a trained one. Knows no benchmark.
import type { PrefixCache } from "@dual-head/backbone";
import { createGate } from "@dual-head/gating";
import { linearHead } from "@dual-head/heads";
import { createBasePolicy, createDualHeadPolicy, type PolicyHead } from "@dual-head/methods";
import type { DecodePolicy } from "@dual-head/sampler";
import { type Device, leavesOf, type Tensor } from "@dual-head/tensor-core";
import { defaultGate } from "@dual-head/train";
import type { Model } from "./random-model.ts";

/** Extents of a policy, and the prefixes it may share. */
export interface PolicyExtents {
  readonly slotCount: number;
  readonly capacity: number;
  readonly prefixCache?: PrefixCache;
}

/** Makes policies by name on shared weights; disposing it frees the head, not the policies. */
export interface PolicyMaker extends Disposable {
  readonly names: readonly ["base", "dual-head"];
  create(name: "base" | "dual-head", extents: PolicyExtents): DecodePolicy;
}

/** The base model and a dual head on it. */
export function createPolicyMaker(device: Device, { backbone, params }: Model): PolicyMaker {
  const lmHead = backbone.lmHead(params);
  const [linear, gate] = [linearHead(), createGate(defaultGate(backbone.config.hiddenSize))];
  const own = { head: linear.init(device, 2, lmHead), gate: gate.init(device, 1) };
  const leaves = leavesOf<Tensor>(own).map(({ leaf }) => device.keep(leaf));
  const projection = linear.projection(own.head, lmHead);
  const heads: readonly PolicyHead[] = [{ name: "head", projection, gate, gateParams: own.gate }];
  return {
    names: ["base", "dual-head"],
    create(name, extents) {
      const options = { backbone, params, device, ...extents };
      return name === "base"
        ? createBasePolicy(options)
        : createDualHeadPolicy({ ...options, heads, mixing: "convex" });
    },
    [Symbol.dispose]() {
      for (const leaf of leaves) leaf.dispose();
    },
  };
}
