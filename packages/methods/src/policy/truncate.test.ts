// A cut of several models at once is whole or none: where one of them has let go of rows, all stay as they are.
import { createPrefixCache, type ScalarReward } from "@dual-head/backbone";
import { tinyLlama } from "@dual-head/backbone-llama/testing";
import type { DecodePolicy } from "@dual-head/sampler";
import { SlotError } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { createArgsPolicy } from "../args/args-policy.ts";
import { createBasePolicy } from "../base/base-policy.ts";
import { createModPolicy } from "../mod/mod-policy.ts";
import { tableOf, tinyReward } from "../testing/tiny-models.ts";

const device = await sharedDevice("reference");
const held: Disposable[] = [];
afterAll(() => {
  for (const each of held) each[Symbol.dispose]();
});

/** A model that sees `window` tokens and lets go of others by pages of `pageSize`. */
function windowed(seed: number, window: number | null, pageSize: number, chunkSize: number): DecodePolicy {
  const { backbone, params } = tinyLlama(
    device,
    seed,
    window === null ? { layerCount: 1 } : { window, architecture: "mistral", layerCount: 1 },
  );
  const extents = { slotCount: 3, capacity: 29, pageSize, chunkSize };
  const prefixCache = createPrefixCache(backbone, device, { ...extents, prefixBytes: 0 });
  held.push(prefixCache);
  return createBasePolicy({ backbone, params, device, slotCount: 3, capacity: 29, chunkSize, prefixCache });
}

async function logitsAfter(policy: DecodePolicy, sequence: object, tokens: readonly number[]): Promise<number[]> {
  const [step] = await policy.advance([{ sequence: sequence as never, tokens }]);
  return [...(await step!.logits())];
}

const model = fc.record({
  window: fc.constantFrom(3, 5, 11, null),
  pageSize: fc.constantFrom(2, 4),
  chunkSize: fc.constantFrom(4, 8),
});
const tokens = fc.array(fc.nat(22), { minLength: 9, maxLength: 23, size: "max" });

describe("truncate() of several models", () => {
  it("cuts all or none, as canTruncate() says, and a refused sequence goes on as if nothing had been asked", async () => {
    let refusedByOne = 0;
    const property = fc.asyncProperty(model, model, tokens, fc.nat(22), async (first, second, fed, asked) => {
      const members = [first, second].map(({ window, pageSize, chunkSize }, at) =>
        windowed(at + 7, window, pageSize, chunkSize),
      );
      using policy = createModPolicy(members.map((member, at) => ({ name: `model ${at}`, policy: member })));
      const length = Math.min(asked, fed.length);
      const [sequence, other] = [policy.open(), policy.open()];
      await logitsAfter(policy, other, fed);
      await logitsAfter(policy, sequence, fed);
      const can = policy.canTruncate!(sequence, length);
      // What each would do alone; the sum feeds its last token again.
      const alone = [];
      for (const member of members) {
        const own = member.open();
        await logitsAfter(member, own, fed);
        alone.push(member.canTruncate!(own, length === fed.length ? length : Math.max(0, length - 1)));
        member.close(own);
      }
      expect(can).toBe(alone.every((each) => each));
      if (can) {
        policy.truncate(sequence, length);
        expect(policy.length(sequence)).toBe(length);
        return;
      }
      if (alone.some((each) => each)) refusedByOne++;
      expect(() => policy.truncate(sequence, length)).toThrow(SlotError);
      expect(policy.length(sequence)).toBe(fed.length);
      expect(await logitsAfter(policy, sequence, [3, 17])).toEqual(await logitsAfter(policy, other, [3, 17]));
    });
    await fc.assert(property, { numRuns: 60, seed: 20261126 });
    expect(refusedByOne).toBeGreaterThan(3);
  });

  it("leaves the base of ARGS as it is where its reward model refuses, and the other way round", async () => {
    const { backbone, params } = tinyLlama(device, 7, { layerCount: 1 });
    const reward = () => tinyReward(device, { backbone, params }, 9);
    const refusing = (): ScalarReward => {
      const own = reward();
      const refuse = (): never => {
        throw new SlotError("Cannot truncate: rows are gone", "window");
      };
      return { ...own, canTruncate: () => false, truncate: refuse, [Symbol.dispose]: () => own[Symbol.dispose]() };
    };
    const common = { rewardCapacity: 31, candidateSlots: 5, topK: 4 };
    for (const policy of [
      createArgsPolicy({ ...common, base: tableOf(1, 3), reward: refusing() }),
      createArgsPolicy({ ...common, base: windowed(7, 3, 2, 4), reward: reward() }),
    ]) {
      const fed = [3, 17, 0, 22, 11, 5, 9, 1, 14, 2, 8, 20];
      const [sequence, other] = [policy.open(), policy.open()];
      for (const each of [sequence, other]) await logitsAfter(policy, each, fed);
      expect(policy.canTruncate!(sequence, 2)).toBe(false);
      expect(() => policy.truncate(sequence, 2)).toThrow(SlotError);
      expect(await logitsAfter(policy, sequence, [4])).toEqual(await logitsAfter(policy, other, [4]));
      policy[Symbol.dispose]();
    }
  });
});
