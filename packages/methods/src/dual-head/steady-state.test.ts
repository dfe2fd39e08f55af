// A thousand decode steps on the cpu device: once the first are done, tensors and memory are those that were there, taken
// from free lists and given back.
import { tinyLlama } from "@dual-head/backbone-llama/testing";
import { attentionGate } from "@dual-head/gating";
import { linearHead } from "@dual-head/heads";
import type { DecodePolicy } from "@dual-head/sampler";
import { type Device, openDevice } from "@dual-head/tensor-core";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createBasePolicy } from "../base/base-policy.ts";
import { createDualHeadPolicy } from "./dual-head-policy.ts";

const stepCount = 1000;
/** Steps after which nothing new is needed. */
const warmUp = 5;

function openPolicies(device: Device): Readonly<Record<string, DecodePolicy>> {
  const { backbone, params } = tinyLlama(device, 7, { maxTokens: stepCount });
  const { hiddenSize } = backbone.config;
  const lmHead = backbone.lmHead(params);
  const head = linearHead({ initialise: "random", bias: true });
  const gate = attentionGate({ hiddenSize, width: 6, headCount: 2, initialAlpha: 0.4 });
  const heads = [
    {
      name: "head",
      projection: head.projection(head.init(device, 1, lmHead), lmHead),
      gate,
      gateParams: gate.init(device, 2),
    },
  ];
  const common = { backbone, params, device, slotCount: 1, capacity: stepCount };
  return { base: createBasePolicy(common), "dual-head": createDualHeadPolicy({ ...common, mixing: "convex", heads }) };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(["base", "dual-head"])("a thousand steps of %s", (name) => {
  it("hold no more tensors, bytes or WebAssembly memory than the first", async () => {
    using device = await openDevice("cpu", { threads: 2 });
    using policy = openPolicies(device)[name]!;
    const grow = vi.spyOn(WebAssembly.Memory.prototype, "grow");
    const sequence = policy.open();
    const held = () => {
      const { liveBuffers, bytes, peakBytes } = device.stats;
      return { liveBuffers, bytes, peakBytes, growths: grow.mock.calls.length };
    };
    const after: ReturnType<typeof held>[] = [];
    for (let index = 0; index < stepCount; index++) {
      const [step] = await policy.advance([{ sequence, tokens: [index % 23] }]);
      await step!.candidates(3);
      if (index >= warmUp) after.push(held());
    }
    for (const state of after) expect(state).toEqual(after[0]);
  });
});
