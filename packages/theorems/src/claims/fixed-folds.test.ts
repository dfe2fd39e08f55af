// Fixed fusion with a free linear reward head, as a set of policies: one matrix, for any α.

import { randomTensor } from "@dual-head/gating/testing";
import { foldConstant } from "@dual-head/heads";
import { add, affine, type Projection, project, projectionTerms, type Tensor } from "@dual-head/tensor-core";
import { checkClose, sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const seed = 20261119;
const [rowCount, hiddenSize, vocabSize] = [3, 5, 7];
const open = fc.double({ min: 0.05, max: 1, noNaN: true });

const logits = (hidden: Tensor, projection: Projection) =>
  project(projectionTerms(hidden, [{ projection, coefficient: null }]));
const mix = (a: Tensor, b: Tensor, alpha: number) => add(affine(a, 1 - alpha, 0), affine(b, alpha, 0));

/**
 * @section Expressivity
 * @claim Fixed fusion is a family of policies that grows with α, the baseline that the gate is compared with.
 * @verdict degenerate
 * @statement With a frozen language-model head and a free linear reward head, fixed fusion of logits folds to the one matrix
 * (1−α)·W_LM + α·W_RM: it is the same set of policies for every α in (0,1], that of a single linear head. At α = 0 it is the
 * base alone.
 */
describe("fixed fusion of a free linear head is one linear head, the same set for every α in (0, 1]", () => {
  const heads = async (draw: number) => {
    const device = await sharedDevice("reference");
    const linear = (own: number) => ({
      kind: "linear" as const,
      weight: randomTensor(device, draw + own, [vocabSize, hiddenSize]),
      bias: randomTensor(device, draw + own + 1, [vocabSize, 1]),
    });
    return { hidden: randomTensor(device, draw, [rowCount, hiddenSize]), lm: linear(1), rm: linear(3) };
  };

  it(`folds to one matrix with the fused logits (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), async (draw, alpha) => {
        const { hidden, lm, rm } = await heads(draw);
        const expected = await mix(logits(hidden, lm), logits(hidden, rm), alpha).read();
        checkClose("folded", await logits(hidden, foldConstant(lm, rm, alpha)).read(), expected, 1e-12);
      }),
      { seed, numRuns: 40 },
    );
  });

  it(`what one α reaches, every other reaches with another W_RM (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), open, open, async (draw, alpha, other) => {
        const { hidden, lm, rm } = await heads(draw);
        const wanted = foldConstant(lm, rm, alpha);
        // W′ = (W − (1−α′)·W_LM)/α′.
        const solve = (all: Tensor, base: Tensor) =>
          add(affine(all, 1 / other, 0), affine(base, (other - 1) / other, 0));
        const moved: Projection = {
          kind: "linear",
          weight: solve(wanted.weight, lm.weight),
          bias: solve(wanted.bias!, lm.bias),
        };
        const expected = await logits(hidden, wanted).read();
        checkClose("the other α", await logits(hidden, foldConstant(lm, moved, other)).read(), expected, 1e-10);
      }),
      { seed, numRuns: 40 },
    );
  });

  it("at α = 0 no head changes anything", async () => {
    const { hidden, lm, rm } = await heads(11);
    expect(await logits(hidden, foldConstant(lm, rm, 0)).read()).toEqual(await logits(hidden, lm).read());
  });
});
