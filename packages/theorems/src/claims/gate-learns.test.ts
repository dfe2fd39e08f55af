// What preferences teach the gate: the gradient of the objective as training composes it, with and without E10 and E9.
import { attentionGate } from "@dual-head/gating";
import { randomGateParams, randomTensor } from "@dual-head/gating/testing";
import { linearHead } from "@dual-head/heads";
import { createRandom, type Tensor, valueAndGradAux } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import {
  type BatchItem,
  batchObjective,
  collate,
  completeSettings,
  countBatch,
  type TrainedParams,
} from "@dual-head/train";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const seed = 20261116;
const [hiddenSize, vocabSize] = [5, 11];

/** Largest gradient of gate and head for pairs alone, scored as `preferenceOn` says. */
async function gradients(draw: number, preferenceOn: "reward" | "fused") {
  const device = await sharedDevice("reference");
  const lmHead = { kind: "linear" as const, weight: randomTensor(device, draw, [vocabSize, hiddenSize]), bias: null };
  const [head, gate] = [linearHead(), attentionGate({ hiddenSize, width: 6, headCount: 3 })];
  const params: TrainedParams = {
    head: {
      weight: randomTensor(device, draw + 1, [vocabSize, hiddenSize]),
      bias: randomTensor(device, draw + 2, [vocabSize, 1]),
    },
    gate: randomGateParams(device, gate, draw + 3),
  };
  const random = createRandom(draw);
  const rows = (count: number) => Float32Array.from({ length: count * hiddenSize }, () => random.normal());
  const item = (promptLength: number, ...lengths: number[]): BatchItem => ({
    example: {
      prompt: new Uint32Array(promptLength),
      responses: lengths.map((length) => Uint32Array.from({ length }, () => random.integer(vocabSize))),
    },
    rows: { prompt: rows(promptLength), responses: lengths.map((length) => rows(length - 1)) },
  });
  const pairs = [item(3, 2, 5), item(1, 4, 1)];
  const settings = completeSettings({ preferenceOn, lambdaGate: 0, betaReward: 1 });
  const batch = collate(pairs, [], { hiddenSize, learnChosen: false, contextOnPairs: preferenceOn === "fused" });
  const counts = countBatch(
    pairs.map(({ example }) => example),
    [],
    false,
  );
  const { value, grad } = valueAndGradAux(batchObjective({ device, lmHead, head, gate }, settings, batch, counts))(
    params,
  );
  const largest = async (tree: Readonly<Record<string, Tensor | null>>) => {
    const values = await Promise.all(Object.values(tree).map((tensor) => tensor?.read() ?? []));
    return Math.max(...values.flatMap((each) => Array.from(each, Math.abs)));
  };
  return { loss: (await value.read())[0]!, gate: await largest(grad.gate), head: await largest(grad.head) };
}

/**
 * @section Gate
 * @claim The gate learns from preferences when alignment intervention is needed.
 * @verdict unsupported
 * @statement E12 scores π_r alone, so that the gradient of L_pref with respect to the gate is exactly 0: only E10 and E9
 * train it. `preferenceOn` "fused" or "fused-over-base" scores the fused policy instead and lets preferences reach the gate.
 */
describe("preferences reach the gate only where they score the fused policy", () => {
  it(`the gate's gradient is exactly zero as printed and not where fused (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 1e6 }), async (draw) => {
        const printed = await gradients(draw, "reward");
        expect(printed.gate).toBe(0);
        expect(printed.head).toBeGreaterThan(1e-6);
        expect(printed.loss).toBeGreaterThan(0);
        const fused = await gradients(draw, "fused");
        expect(fused.gate).toBeGreaterThan(1e-9);
        expect(fused.head).toBeGreaterThan(1e-9);
      }),
      { seed, numRuns: 20 },
    );
  });
});
