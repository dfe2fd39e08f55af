// Fixed fusion as a special case of the gate, inside and at the ends of [0, 1].
import { type AttentionGateParams, attentionGate, constantGate, GatingError } from "@dual-head/gating";
import { randomGateParams, randomTensor } from "@dual-head/gating/testing";
import { segmentsOf, unary } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const seed = 20261118;
const hiddenSize = 5;
const gate = attentionGate({ hiddenSize, width: 6, headCount: 2 });
const logit = (alpha: number) => Math.log(alpha) - Math.log1p(-alpha);

/** α of a gate with W_g = 0 and a bias, for random hidden states. */
async function alphasOf(draw: number, bias: number): Promise<number[]> {
  const device = await sharedDevice("reference");
  const params: AttentionGateParams = {
    ...(randomGateParams(device, gate, draw) as AttentionGateParams),
    weight: device.tensor(new Array(hiddenSize).fill(0), [1, hiddenSize]),
    bias: device.tensor([bias], [1]),
  };
  const hidden = randomTensor(device, draw, [7, hiddenSize]);
  return [...(await unary("sigmoid", gate.logits(params, hidden, segmentsOf([3, 4]))).read())];
}

/**
 * @section Expressivity
 * @claim P_fixed(α) ⊆ P_dual for every α ∈ [0,1], by W_g = 0 and b_g = logit α.
 * @verdict interior only
 * @statement b_g = logit α needs α ∈ (0,1): at the end points it is not finite, and they are limits. A gate constant at 0 or
 * 1 (`constantGate`) covers them exactly.
 */
describe("fixed fusion is a gate for α inside (0, 1), and a limit of gates at the ends", () => {
  it(`W_g = 0 and b_g = logit α give α in every context (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.double({ min: 1e-6, max: 1 - 1e-6, noNaN: true }), async (draw, alpha) => {
        for (const each of await alphasOf(draw, logit(alpha))) expect(each).toBeCloseTo(alpha, 9);
      }),
      { seed, numRuns: 40 },
    );
  });

  it("no finite bias gives 0 or 1, though the limit converges", async () => {
    for (const end of [0, 1]) expect(Number.isFinite(logit(end))).toBe(false);
    for (const initialAlpha of [0, 1]) {
      expect(() => attentionGate({ hiddenSize, width: 6, headCount: 2, initialAlpha })).toThrow(GatingError);
    }
    let before = 1;
    for (const bias of [-1, -5, -10, -20, -30]) {
      const [alpha] = await alphasOf(3, bias);
      expect(alpha).toBeGreaterThan(0);
      expect(alpha).toBeLessThan(before);
      expect(1 - (await alphasOf(3, -bias))[0]!).toBeCloseTo(alpha!, 12);
      before = alpha!;
    }
    expect(before).toBeLessThan(1e-12);
  });

  it("constantGate is exact at the ends and inside", async () => {
    const device = await sharedDevice("reference");
    const hidden = randomTensor(device, 1, [4, hiddenSize]);
    for (const alpha of [0, 0.25, 1]) {
      const found = await unary("sigmoid", constantGate({ alpha }).logits({}, hidden, segmentsOf([4]))).read();
      for (const each of found) {
        if (alpha === 0.25) expect(each).toBeCloseTo(alpha, 12);
        else expect(each).toBe(alpha);
      }
    }
  });
});
