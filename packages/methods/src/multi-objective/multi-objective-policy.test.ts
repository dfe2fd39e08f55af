// Objectives by name: weights in the right order, and the limit in which one objective is its head alone.
import { tinyLlama } from "@dual-head/backbone-llama/testing";
import { constantGate } from "@dual-head/gating";
import { linearHead } from "@dual-head/heads";
import type { Controls, DecodePolicy } from "@dual-head/sampler";
import { createRandom } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import { describe, expect, it } from "vitest";
import { createDualHeadPolicy } from "../dual-head/dual-head-policy.ts";
import { vocabSize } from "../testing/tiny-models.ts";
import { createMultiObjectivePolicy } from "./multi-objective-policy.ts";

async function options(names: readonly string[]) {
  const device = await sharedDevice("reference");
  const { backbone, params } = tinyLlama(device, 7, { layerCount: 1 });
  const { hiddenSize } = backbone.config;
  const heads = names.map((name, index) => {
    const random = createRandom(index, "head");
    const weight = device.tensor(
      Float64Array.from({ length: vocabSize * hiddenSize }, () => random.normal()),
      [vocabSize, hiddenSize],
    );
    const head = linearHead({ initialise: "random", bias: false });
    const projection = head.projection({ weight, bias: null }, backbone.lmHead(params));
    return { name, projection, gate: constantGate({ alpha: 0.4 }), gateParams: {} };
  });
  return { backbone, params, device, heads, mixing: "convex", slotCount: 1, capacity: 16 } as const;
}

async function logits(policy: DecodePolicy, controls: Controls): Promise<readonly number[]> {
  const [step] = await policy.advance([{ sequence: policy.open(controls), tokens: [3, 1, 4] }]);
  return [...(await step!.logits())];
}

describe("createMultiObjectivePolicy()", () => {
  it("weighs objectives by name, whatever their order, and one alone is its head", async () => {
    const all = await options(["helpful", "harmless"]);
    using policy = createMultiObjectivePolicy(all);
    expect(policy.weightsFor({ harmless: 3, helpful: 1 })).toEqual([0.25, 0.75]);
    expect(policy.objectives).toEqual(["helpful", "harmless"]);
    using alone = createDualHeadPolicy({ ...all, heads: [all.heads[1]!] });
    expect(await logits(policy, { weights: policy.weightsFor({ harmless: 1 }) })).toEqual(await logits(alone, {}));
  });

  it("refuses names and weights that cannot be", async () => {
    using policy = createMultiObjectivePolicy(await options(["helpful", "harmless"]));
    expect(() => policy.weightsFor({ kind: 1 })).toThrow("the objectives are helpful, harmless");
    expect(() => policy.weightsFor({ helpful: 0 })).toThrow("one must be above 0");
    expect(() => policy.weightsFor({ helpful: -1, harmless: 2 })).toThrow("none may be negative");
    const twice = await options(["helpful", "helpful"]);
    expect(() => createMultiObjectivePolicy(twice)).toThrow("two heads are named helpful");
  });
});
