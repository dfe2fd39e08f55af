// The scale of each term of the objective, in the reductions that the paper prints and in those used here.
import { gateEntropyLoss, languageModelLoss, preferenceLoss } from "@dual-head/losses";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import { defaultSettings } from "@dual-head/train";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const seed = 20261115;

/**
 * @section Losses
 * @claim L_total = L_LM + λ_R·L_pref + L_α with λ_G = 0.01 balances the terms.
 * @verdict undefined reductions
 * @statement E10 and E12 sum over tokens and E9 averages. As printed, the entropy term is about 1e-5 of the loss at a
 * hundred or more response tokens of a few nats. Here E10 is a mean over tokens by default (`reduction` "token-mean"), or the
 * printed sum; E12 always sums. D_SFT is named nowhere: the chosen responses, or a file of one's own.
 */
describe("E10 and E12 sum over tokens where E9 averages", () => {
  const lengths = fc.integer({ min: 100, max: 300 });
  const nats = fc.double({ min: 2, max: 6, noNaN: true });

  async function terms(length: number, each: number, u: number) {
    const device = await sharedDevice("reference");
    const values = device.tensor(new Array(length).fill(each), [length]);
    const logits = device.tensor(new Array(length).fill(u), [length]);
    const read = async (tensor: { read(): Promise<ArrayLike<number>> }) => (await tensor.read())[0]!;
    const sequences = device.tensor(
      Uint32Array.from({ length }, (_, row) => (row < length / 3 ? 0 : 1)),
      [length],
    );
    return {
      printed: await read(languageModelLoss(values, { reduction: "printed", sequenceCount: 1 })),
      mean: await read(languageModelLoss(values)),
      gate: Math.abs(await read(gateEntropyLoss(logits, { lambdaGate: defaultSettings.lambdaGate }).loss)),
      margin: await read(preferenceLoss(values, sequences, { pairCount: 1, betaReward: 1 }).margins),
    };
  }

  it(`as printed the entropy is 1e-6 to 4e-5 of the loss, as a token mean a hundred times more (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(lengths, nats, fc.double({ min: -1, max: 1, noNaN: true }), async (length, each, u) => {
        const { printed, mean, gate } = await terms(length, each, u);
        expect(defaultSettings.lambdaGate).toBe(0.01);
        expect(gate / printed).toBeLessThan(4e-5);
        expect(gate / printed).toBeGreaterThan(1e-6);
        expect(printed / mean).toBeCloseTo(length, 6);
        expect(gate / mean).toBeGreaterThan(5e-4);
      }),
      { seed, numRuns: 40 },
    );
  });

  it(`E10 as printed grows with the length, its mean does not; E12 sums in any case (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 60 }), nats, async (third, each) => {
        const [one, three] = [await terms(3 * third, each, 0), await terms(9 * third, each, 0)];
        expect(three.printed).toBeCloseTo(3 * one.printed, 6);
        expect(three.mean).toBeCloseTo(one.mean, 9);
        expect(three.gate).toBeCloseTo(one.gate, 9);
        expect(three.margin).toBeCloseTo(3 * one.margin, 6);
        expect(one.margin).toBeCloseTo(each * third, 6);
      }),
      { seed, numRuns: 40 },
    );
  });

  it("the default is the token mean", () => {
    expect(defaultSettings.reduction).toBe("token-mean");
  });
});
