// How the length of responses enters the preference loss, which sums log-probabilities.
import { preferenceLoss, trajectoryRewards } from "@dual-head/losses";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import { accuracyOf } from "@dual-head/train";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { searchCounterexample } from "../testing/search.ts";

const seed = 20261114;
const natsOf = fc.array(fc.double({ min: 0.01, max: 6, noNaN: true }), { minLength: 1, maxLength: 12 });
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

async function marginOf(chosen: readonly number[], rejected: readonly number[]): Promise<number> {
  const device = await sharedDevice("reference");
  const nats = device.tensor([...chosen, ...rejected], [chosen.length + rejected.length]);
  const sequences = Uint32Array.from(nats.shape[0] === 0 ? [] : [...chosen.map(() => 0), ...rejected.map(() => 1)]);
  const compared = preferenceLoss(nats, device.tensor(sequences, [sequences.length]), { pairCount: 1, betaReward: 1 });
  return (await compared.margins.read())[0]!;
}

/**
 * @section Losses
 * @claim The preference loss (E12) learns which response people prefer.
 * @verdict confounded with length
 * @statement E12 compares sums of log-probabilities, all negative: at equal nats a token the shorter response has the higher
 * reward, and a response that is likelier token by token can lose. The chosen response is the shorter in 55 % of the
 * harmless-base and 40 % of the helpful-base test pairs of HH-RLHF. Accuracy is printed beside that of the untrained head and
 * of the rule "the shorter wins".
 */
describe("a sum of log-probabilities prefers the shorter response", () => {
  it(`at equal nats a token the margin is that times the difference of lengths (seed ${seed})`, async () => {
    const length = fc.integer({ min: 1, max: 20 });
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0.01, max: 6, noNaN: true }), length, length, async (nats, first, second) => {
        const margin = await marginOf(new Array(first).fill(nats), new Array(second).fill(nats));
        expect(margin).toBeCloseTo(nats * (second - first), 9);
        const device = await sharedDevice("reference");
        const one = device.tensor(new Array(first).fill(nats), [first]);
        const rewards = await trajectoryRewards(one, device.tensor(new Uint32Array(first), [first]), 1).read();
        expect(rewards[0]).toBeCloseTo(-nats * first, 9);
      }),
      { seed },
    );
  });

  it(`refutes "the response with the likelier tokens wins" by search (seed ${seed})`, async () => {
    const property = fc.asyncProperty(natsOf, natsOf, async (chosen, rejected) => {
      fc.pre(mean(chosen) < mean(rejected));
      return (await marginOf(chosen, rejected)) >= 0;
    });
    const [chosen, rejected] = await searchCounterexample(property, seed);
    expect(chosen.length).toBeGreaterThan(rejected.length);
    // Pinned: three tokens of 1 nat lose against one of 2.
    expect(await marginOf([1, 1, 1], [2])).toBe(-1);
  });

  it("the rule that the shorter wins is measured as any other", () => {
    const lengths = [
      [3, 5],
      [7, 2],
      [4, 4],
      [1, 9],
    ] as const;
    expect(accuracyOf(lengths.map(([chosen, rejected]) => rejected - chosen))).toBe((1 + 0 + 0.5 + 1) / 4);
  });
});
