// ARGS keeps the laws of a policy; its logits are those printed, by a reward computed in one pass; its limits are the base.
import { textScores } from "@dual-head/backbone";
import { tinyLlama } from "@dual-head/backbone-llama/testing";
import { type Controls, type DecodePolicy, logProbability, sampled } from "@dual-head/sampler";
import { decodePolicyLaws } from "@dual-head/sampler/testing";
import { segmentsOf } from "@dual-head/tensor-core";
import { checkClose, sharedDevice } from "@dual-head/tensor-core/testing";
import { describe, expect, it } from "vitest";
import { answersOf, tableOf, tinyReward, tinyScoreModel, vocabSize } from "../testing/tiny-models.ts";
import { createArgsPolicy } from "./args-policy.ts";

async function argsPolicy(
  options: { topK?: number; weight?: number; candidateSlots?: number } = {},
): Promise<DecodePolicy> {
  const device = await sharedDevice("reference");
  const { candidateSlots = 7 } = options;
  return createArgsPolicy({
    base: tableOf(1, 5),
    reward: tinyReward(device, tinyLlama(device, 7, { layerCount: 1 }), 5 + candidateSlots),
    rewardCapacity: 31,
    topK: 4,
    ...options,
    candidateSlots,
  });
}

decodePolicyLaws("args", () => argsPolicy(), {
  tolerance: 1e-10,
  controls: [{ strength: 0.4 }, { strength: 1.5 }],
});

const tokens = [3, 17, 0, 22, 11];

async function lastLogits(policy: DecodePolicy, controls: Controls = {}): Promise<Float64Array> {
  const sequence = policy.open(controls);
  const [step] = await policy.advance([{ sequence, tokens }]);
  const logits = Float64Array.from(await step!.logits());
  policy.close(sequence);
  return logits;
}

describe("createArgsPolicy()", () => {
  it("scores the k likeliest tokens by z + w·r(text + token), and excludes the others", async () => {
    const device = await sharedDevice("reference");
    const model = tinyScoreModel(device, tinyLlama(device, 7, { layerCount: 1 }));
    const base = await lastLogits(tableOf(1));
    const likeliest = [...base.keys()].sort((a, b) => base[b]! - base[a]!).slice(0, 4);
    using policy = await argsPolicy({ weight: 1.7 });
    const logits = await lastLogits(policy, { strength: 0.5 });
    for (let id = 0; id < vocabSize; id++) {
      if (!likeliest.includes(id)) {
        expect(logits[id]).toBe(-Infinity);
        continue;
      }
      const text = Uint32Array.from([...tokens, id]);
      using score = textScores(model, text, segmentsOf([text.length]));
      checkClose("logit", [logits[id]!], [base[id]! + 0.5 * 1.7 * (await score.read())[0]!], 1e-6);
    }
  });

  it("is the base's own sampling at strength 0 with k = V, and its greedy choice with any k", async () => {
    using whole = await argsPolicy({ topK: vocabSize });
    const [actual, expected] = [await lastLogits(whole, { strength: 0 }), await lastLogits(tableOf(1))];
    expect(actual).toEqual(expected);
    using few = await argsPolicy({ topK: 2 });
    const request = { prompt: [1, 2], maxNewTokens: 8, temperature: 0 };
    const [greedy] = await answersOf(sampled(few), [{ ...request, controls: { strength: 0 } }]);
    const [base] = await answersOf(sampled(tableOf(1)), [request]);
    expect(greedy!.tokens).toEqual(base!.tokens);
  });

  it("gives the same whether candidates are scored together or one by one, and counts each", async () => {
    using together = await argsPolicy({ candidateSlots: 8 });
    using alone = await argsPolicy({ candidateSlots: 1 });
    const [a, b] = [await lastLogits(together), await lastLogits(alone)];
    checkClose(
      "log-probability",
      [logProbability(a, a.indexOf(Math.max(...a)))],
      [logProbability(b, b.indexOf(Math.max(...b)))],
      1e-10,
    );
    expect(together.cost).toEqual({ forwards: 1, tokens: 5, rewardCalls: 4 });
    expect(alone.cost).toEqual(together.cost);
  });

  it("refuses numbers that cannot be, by name", async () => {
    await expect(argsPolicy({ topK: 0 })).rejects.toThrow("topK is 0");
    await expect(argsPolicy({ weight: -1 })).rejects.toThrow("weight is -1");
    await expect(argsPolicy({ candidateSlots: 1.5 })).rejects.toThrow("candidateSlots is 1.5");
  });
});
