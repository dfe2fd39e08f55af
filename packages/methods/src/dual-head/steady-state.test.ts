// A thousand decode steps on the cpu device: once the first are done, tensors and memory are those that were there, taken
// from free lists and given back.
import { tinyLlama } from "@dual-head/backbone-llama/testing";
import { attentionGate } from "@dual-head/gating";
import { blockHead, linearHead, type RewardHead, residualHead } from "@dual-head/heads";
import type { DecodePolicy } from "@dual-head/sampler";
import { type Device, openDevice } from "@dual-head/tensor-core";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createBasePolicy } from "../base/base-policy.ts";
import { createDualHeadPolicy } from "./dual-head-policy.ts";

const stepCount = 1000;
/** Steps after which nothing new is needed. */
const warmUp = 5;

const names = ["base", "linear", "residual", "block"] as const;

function openPolicy(device: Device, name: (typeof names)[number]): DecodePolicy {
  const { backbone, params } = tinyLlama(device, 7, { maxTokens: stepCount });
  const { hiddenSize } = backbone.config;
  const lmHead = backbone.lmHead(params);
  const gate = attentionGate({ hiddenSize, width: 6, headCount: 2, initialAlpha: 0.4 });
  const gateParams = gate.init(device, 2);
  const common = { backbone, params, device, slotCount: 1, capacity: stepCount };
  const dualHead = (head: RewardHead) => {
    const headParams = head.init(device, 1, lmHead);
    const own = { projection: head.projection(headParams, lmHead), encoding: head.encoding(headParams) };
    return createDualHeadPolicy({ ...common, mixing: "convex", heads: [{ name: "head", ...own, gate, gateParams }] });
  };
  switch (name) {
    case "base":
      return createBasePolicy(common);
    case "linear":
      return dualHead(linearHead({ initialise: "random", bias: true }));
    case "residual":
      return dualHead(residualHead({ width: 5 }));
    case "block":
      return dualHead(blockHead({ width: 6, headCount: 2, feedForwardSize: 7 }));
  }
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(names)("a thousand steps of %s", (name) => {
  it("hold no more tensors, bytes or WebAssembly memory than the first", async () => {
    using device = await openDevice("cpu", { threads: 2 });
    using policy = openPolicy(device, name);
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
