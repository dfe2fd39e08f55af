// Step sizes of gradient descent, on quadratics and on the real losses; what does not follow for AdamW.

import { randomTensor } from "@dual-head/gating/testing";
import { preferenceLoss } from "@dual-head/losses";
import { adamw, linearCrossEntropy, type Tensor, valueAndGrad } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gateEntropySlope } from "../entropy-slope.ts";
import { searchCounterexample } from "../testing/search.ts";

const seed = 20261113;
const positive = (min: number, max: number) => fc.double({ min, max, noNaN: true });

/** Gradient descent on a sum of quadratics ½·aᵢ·x² of one variable; the gradients squared, step by step. */
function descend(curvature: number, rate: number, start: number, steps: number): number[] {
  const squares: number[] = [];
  for (let x = start, step = 0; step < steps; step++) {
    squares.push((curvature * x) ** 2);
    x -= rate * curvature * x;
  }
  return squares;
}

/**
 * @section Convergence
 * @claim Gradient descent with η ≤ 1/(2L) reaches ‖∇L_total‖² ≤ ε in O(1/ε) steps, where L_LM and L_pref are L-smooth.
 * @verdict false as stated
 * @statement The sum has L_tot = L(1+λ_R) + L_α: with λ_R = 4 a step of 1/(2L) diverges, and η ≤ 1/L_tot gives
 * min_k ‖∇‖² ≤ 2(f₀−f*)/(ηK), for the least gradient so far. −ln σ(θ) has no stationary point at all. L_α is smooth in u,
 * abs(f″) ≤ λ/4, not in α. In W_RM: L_pref is (β²S₁²/2 + βS₂/2)-smooth at most, with S_k = Σ‖h‖^k over both responses.
 * Nothing follows for AdamW, which trains here.
 */
describe("gradient descent needs η ≤ 1/L_tot, and says nothing of AdamW", () => {
  it(`diverges at 1/(2L) with λ_R = 4 and descends at 1/L_tot (seed ${seed})`, async () => {
    fc.assert(
      fc.property(positive(0.1, 10), positive(0.1, 3), (smoothness, start) => {
        // L_LM and L_pref both ½·L·x²: the sum has curvature L(1+4).
        const total = 5 * smoothness;
        const diverging = descend(total, 1 / (2 * smoothness), start, 30);
        expect(diverging.at(-1)!).toBeGreaterThan(1e6 * diverging[0]!);
        const rate = 1 / total;
        const squares = descend(total, rate, start, 30);
        const gap = (total * start * start) / 2;
        for (const count of [1, 7, 30]) {
          expect(Math.min(...squares.slice(0, count))).toBeLessThanOrEqual((2 * gap) / (rate * count) + 1e-12);
        }
      }),
      { seed },
    );
    // The claim as printed, over λ_R: the search finds a λ_R from which on the step is too long.
    const [lambdaReward] = await searchCounterexample(
      fc.property(positive(0, 8), (lambda) => descend(1 + lambda, 1 / 2, 1, 40).at(-1)! <= (1 + lambda) ** 2),
      seed,
    );
    expect(lambdaReward).toBeGreaterThan(3);
  });

  it("−ln σ(θ) descends for ever: its gradient falls below any ε, and is never 0", () => {
    const slope = (theta: number) => -1 / (1 + Math.exp(theta));
    let theta = 0;
    for (let step = 0; step < 5000; step++) {
      expect(slope(theta)).toBeLessThan(0);
      theta -= 4 * slope(theta);
    }
    expect(theta).toBeGreaterThan(9);
    for (const far of [-700, -3, 0, 3, 700]) expect(slope(far)).toBeLessThan(0);
  });

  it(`the entropy bends by at most λ/4 in u, and without bound in α (seed ${seed})`, () => {
    fc.assert(
      fc.property(positive(-30, 30), positive(0.1, 3), (u, lambda) => {
        const bend = (at: number) =>
          (gateEntropySlope(at + 1e-5, lambda, "corrected").logit -
            gateEntropySlope(at - 1e-5, lambda, "corrected").logit) /
          2e-5;
        expect(Math.abs(bend(u))).toBeLessThanOrEqual(lambda / 4 + 1e-6);
        expect(bend(0)).toBeCloseTo(lambda / 4, 6);
      }),
      { seed },
    );
    // d²H/dα² = −1/(α(1−α)).
    const inAlpha = (alpha: number) =>
      Math.log((alpha * 1.001) / (1 - alpha * 1.001)) - Math.log((alpha * 0.999) / (1 - alpha * 0.999));
    for (const alpha of [1e-3, 1e-6, 1e-9]) expect(inAlpha(alpha) / (0.002 * alpha)).toBeGreaterThan(0.99 / alpha);
  });

  it(`L_pref is (β²S₁²/2 + βS₂/2)-smooth in W_RM, for random batches and along the worst directions (seed ${seed})`, async () => {
    const device = await sharedDevice("reference");
    const [vocabSize, hiddenSize] = [5, 3];
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        positive(0.05, 2),
        async (draw, chosen, rejected, betaReward) => {
          const rows = chosen + rejected;
          const hidden = randomTensor(device, draw, [rows, hiddenSize]);
          const targets = device.tensor(
            Uint32Array.from({ length: rows }, (_, row) => (draw + 3 * row) % vocabSize),
            [rows],
          );
          const sequences = device.tensor(
            Uint32Array.from({ length: rows }, (_, row) => (row < chosen ? 0 : 1)),
            [rows],
          );
          const gradientAt = async (weights: ArrayLike<number>) => {
            const loss = (weight: Tensor) =>
              preferenceLoss(linearCrossEntropy([{ features: hidden, weight }], targets), sequences, {
                pairCount: 1,
                betaReward,
              }).loss;
            return [
              ...(await valueAndGrad(loss)(
                device.tensor([...Array.from(weights)], [vocabSize, hiddenSize]),
              ).grad.read()),
            ];
          };
          const h = await hidden.read();
          const norms = Array.from({ length: rows }, (_, row) =>
            Math.hypot(...h.slice(row * hiddenSize, (row + 1) * hiddenSize)),
          );
          const [s1, s2] = [1, 2].map((k) => norms.reduce((sum, norm) => sum + norm ** k, 0));
          const bound = (betaReward ** 2 * s1! ** 2) / 2 + (betaReward * s2!) / 2;
          const at = await randomTensor(device, draw + 1, [vocabSize * hiddenSize], 0.5).read();
          // Power iteration on the Hessian by differences of gradients: towards the direction that bends most.
          let direction = [...(await randomTensor(device, draw + 2, [vocabSize * hiddenSize]).read())];
          for (let round = 0; round < 4; round++) {
            const length = Math.hypot(...direction);
            const unit = direction.map((each) => each / length);
            const [forth, back] = [1e-5, -1e-5].map((step) => Array.from(at, (w, index) => w + step * unit[index]!));
            const [up, down] = [await gradientAt(forth!), await gradientAt(back!)];
            direction = up.map((each, index) => (each - down[index]!) / 2e-5);
            expect(Math.hypot(...direction)).toBeLessThanOrEqual(bound * (1 + 1e-6) + 1e-9);
          }
        },
      ),
      { seed, numRuns: 25 },
    );
  });

  it("AdamW at any constant rate circles a minimum: the gradient does not go to 0", async () => {
    const device = await sharedDevice("reference");
    const zero = () => device.tensor([0], [1]);
    const rate = 0.1;
    let state = { parameter: device.tensor([1], [1]), m: zero(), v: zero() };
    const tail: number[] = [];
    for (let step = 1; step <= 1500; step++) {
      // The gradient of |x|, whose size never tells how near the minimum is: Adam divides sizes away in any case.
      const [x] = await state.parameter.read();
      const gradient = device.tensor([Math.sign(x!) || 1], [1]);
      const attrs = { step, learningRate: rate, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
      state = adamw(state, gradient, device.tensor([1], []), attrs);
      if (step > 1000) tail.push(Math.abs((await state.parameter.read())[0]!));
    }
    expect(Math.max(...tail)).toBeGreaterThan(rate / 4);
  });
});
