// CARDS: a plain sample where everything is accepted; segments that end where they should; rewards that rise with the
// target; nothing left open.
import type { ScalarReward } from "@dual-head/backbone";
import { tinyLlama } from "@dual-head/backbone-llama/testing";
import { sampled } from "@dual-head/sampler";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answersOf, tableOf, tinyReward } from "../testing/tiny-models.ts";
import { type CardsOptions, createCards } from "./cards-generator.ts";

async function cards(options: Partial<CardsOptions> = {}) {
  const device = await sharedDevice("reference");
  const policy = tableOf(1, 12);
  const reward = tinyReward(device, tinyLlama(device, 7, { layerCount: 1 }), 12);
  const generator = createCards({
    policy,
    reward,
    rewardTarget: 1,
    entropyThreshold: 2,
    segmentLengths: [2, 5],
    ...options,
  });
  return { policy, reward, generator };
}

const requests = Array.from({ length: 6 }, (_, index) => ({ prompt: [1 + index, 2], maxNewTokens: 9, seed: index }));

async function rewardOf(reward: ScalarReward, tokens: readonly number[]): Promise<number> {
  const slot = reward.open();
  const [score] = await reward.advance([{ slot, tokens }]);
  reward.close(slot);
  return score!;
}

describe("createCards()", () => {
  it("is a plain sample where every segment is accepted", async () => {
    const { generator } = await cards({ rewardTarget: -1e9, acceptTemperature: 1e-9 });
    const stopped = requests.map((request) => ({ ...request, stopTokens: [5] }));
    expect(await answersOf(generator, stopped)).toEqual(await answersOf(sampled(tableOf(1)), stopped));
  });

  it("raises the reward with the target, by more calls of the reward model", async () => {
    const mean = async (rewardTarget: number) => {
      const { generator, reward } = await cards({ rewardTarget, acceptTemperature: 0.05, retryLimit: 30 });
      const answers = await answersOf(generator, requests);
      let sum = 0;
      for (const [index, { tokens }] of answers.entries()) {
        sum += await rewardOf(reward, [...requests[index]!.prompt, ...tokens]);
      }
      return { reward: sum / answers.length, calls: generator.cost.rewardCalls };
    };
    const [low, high] = [await mean(-50), await mean(3)];
    expect(high.reward).toBeGreaterThan(low.reward + 0.5);
    expect(high.calls).toBeGreaterThan(low.calls);
  });

  it("takes the best segment after too many rejections", async () => {
    const { generator } = await cards({ rewardTarget: 1e9, retryLimit: 3 });
    const answers = await answersOf(generator, requests.slice(0, 1));
    expect(answers[0]).toMatchObject({ reason: "length" });
    expect(answers[0]!.tokens).toHaveLength(9);
  });

  it("answers many requests as each alone, and closes all it opened", async () => {
    const { generator, policy } = await cards({ acceptTemperature: 0.3 });
    const together = await answersOf(generator, requests);
    expect(policy.openCount).toBe(0);
    for (const [index, request] of requests.entries()) {
      const { generator: fresh } = await cards({ acceptTemperature: 0.3 });
      expect((await answersOf(fresh, [request]))[0]).toEqual(together[index]);
    }
  });

  it("counts a pass a step of the batch, not of its requests, and tokens and rewards of each", async () => {
    const prompt = fc.array(fc.nat(22), { minLength: 1, maxLength: 11 });
    const some = fc.array(fc.record({ prompt, maxNewTokens: fc.integer({ min: 1, max: 7 }), seed: fc.nat(99) }), {
      minLength: 1,
      // A course may hold three of the twelve slots.
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(some, fc.constantFrom(-1e9, 0.5), async (batch, rewardTarget) => {
        const options = { rewardTarget, acceptTemperature: 0.3, retryLimit: 3 };
        const { generator } = await cards(options);
        const together = await answersOf(generator, batch);
        const costs = [];
        for (const [index, request] of batch.entries()) {
          const { generator: alone } = await cards(options);
          expect(await answersOf(alone, [request])).toEqual([together[index]]);
          costs.push(alone.cost);
        }
        // All begin in one pass and go on in step: as many passes as the longest needs.
        expect(generator.cost).toEqual({
          forwards: Math.max(...costs.map(({ forwards }) => forwards)),
          tokens: costs.reduce((sum, { tokens }) => sum + tokens, 0),
          rewardCalls: costs.reduce((sum, { rewardCalls }) => sum + rewardCalls, 0),
        });
        if (rewardTarget > 0) return;
        // Where all is accepted: the prompts, and each token once.
        const longest = Math.max(...batch.map(({ maxNewTokens }) => maxNewTokens));
        expect(generator.cost.forwards).toBe(1 + longest);
      }),
      { seed: 20261126, numRuns: 8 },
    );
  });

  it("closes what is open when the consumer leaves, and ends aborted requests", async () => {
    const { generator, policy } = await cards();
    for await (const _ of generator.generateBatch(requests)) break;
    expect(policy.openCount).toBe(0);
    const [aborted] = await answersOf(generator, [{ ...requests[0]!, signal: AbortSignal.abort() }]);
    expect(aborted!.reason).toBe("aborted");
  });

  it("ends with the context where the policy is full, as sampling does", async () => {
    const { generator } = await cards({ rewardTarget: -1e9, acceptTemperature: 1e-9 });
    const full = [{ prompt: Array.from({ length: 27 }, (_, at) => at % 23), maxNewTokens: 9, seed: 1 }];
    const [answer] = await answersOf(generator, full);
    expect(answer).toEqual((await answersOf(sampled(tableOf(1)), full))[0]);
    expect(answer!.reason).toBe("context");
  });

  it("refuses numbers that cannot be, by name", async () => {
    await expect(cards({ rewardTarget: Number.NaN })).rejects.toThrow("rewardTarget is NaN");
    await expect(cards({ acceptTemperature: 0 })).rejects.toThrow("acceptTemperature is 0");
    await expect(cards({ segmentLengths: [5, 2] })).rejects.toThrow("segmentLengths");
    await expect(cards({ rewardShare: 2 })).rejects.toThrow("rewardShare is 2");
    await expect(cards({ retryLimit: -1 })).rejects.toThrow("retryLimit is -1");
  });
});
