// Mixing probabilities against mixing logits, in plain numbers and in the two modes that compute them.
import { createControls, mixedLogits, mixingCoefficients } from "@dual-head/gating";
import { logSoftmax, type Projection } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { searchCounterexample } from "../testing/search.ts";

const seed = 20261120;
const inside = fc.double({ min: 0.02, max: 0.98, noNaN: true });
const weights = (size: number) =>
  fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { minLength: size, maxLength: size });
const normalise = (w: readonly number[]) => {
  const total = w.reduce((sum, each) => sum + each, 0);
  return w.map((each) => each / total);
};
const distributions = fc
  .integer({ min: 2, max: 7 })
  .chain((size) => fc.tuple(weights(size), weights(size)))
  .map(([a, b]) => [normalise(a), normalise(b)] as const);

const arithmetic = (p: readonly number[], q: readonly number[], alpha: number) =>
  p.map((each, at) => (1 - alpha) * each + alpha * q[at]!);
const powers = (p: readonly number[], q: readonly number[], alpha: number) =>
  p.map((each, at) => each ** (1 - alpha) * q[at]! ** alpha);
const geometric = (p: readonly number[], q: readonly number[], alpha: number) => normalise(powers(p, q, alpha));

/** Rényi's divergence D_α(q‖p) = ln Σ q^α p^(1−α) / (α − 1), for α inside (0, 1). */
const renyi = (q: readonly number[], p: readonly number[], alpha: number) =>
  Math.log(powers(p, q, alpha).reduce((sum, each) => sum + each, 0)) / (alpha - 1);

/** What the modes compute of two distributions: heads whose biases are their logarithms. */
async function mixed(
  mode: "convex" | "mixture",
  p: readonly number[],
  q: readonly number[],
  alpha: number,
): Promise<number[]> {
  const device = await sharedDevice("reference");
  const head = (probabilities: readonly number[]): Projection => ({
    kind: "linear",
    weight: device.tensor(new Array(p.length).fill(0), [p.length, 1]),
    bias: device.tensor(probabilities.map(Math.log), [p.length, 1]),
  });
  const hidden = device.tensor([1], [1, 1]);
  const controls = createControls(device, mode, 1, [{ alphaMin: alpha, alphaMax: alpha }]);
  const coefficients = mixingCoefficients(mode, [device.tensor([0], [1])], controls);
  const logp = await logSoftmax(mixedLogits(mode, hidden, head(p), [head(q)], coefficients)).read();
  return Array.from(logp, Math.exp);
}

const close = (actual: readonly number[], expected: readonly number[]) => {
  for (const [at, each] of expected.entries()) expect(actual[at]).toBeCloseTo(each, 9);
};

/**
 * @section Fusion
 * @claim P_fixed and P_dual (E14, E15) are mixtures of the heads' probabilities.
 * @verdict contradicts E4
 * @statement E4 fuses logits, a geometric mixture p^(1−α)·q^α/Z. Arithmetic mixtures lie between min(p,q) and max(p,q) for
 * every token; geometric ones are at least the minimum and may exceed the maximum. −ln Z = (1−α)·D_α(q‖p). Both families
 * are the same curve where log(q/p) takes at most two values, always so for V = 2, and differ otherwise. Both are offered:
 * mode `convex` is E4, mode `mixture` E14 and E15.
 */
describe("mixtures of logits are geometric and may exceed both heads, mixtures of probabilities cannot", () => {
  it(`modes convex and mixture are the two formulas (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(distributions, inside, async ([p, q], alpha) => {
        close(await mixed("convex", p, q, alpha), geometric(p, q, alpha));
        close(await mixed("mixture", p, q, alpha), arithmetic(p, q, alpha));
      }),
      { seed, numRuns: 60 },
    );
  });

  it(`arithmetic stays between the heads, geometric above the lower, and Z is Rényi's (seed ${seed})`, () => {
    fc.assert(
      fc.property(distributions, inside, ([p, q], alpha) => {
        const [a, g] = [arithmetic(p, q, alpha), geometric(p, q, alpha)];
        for (const [at, each] of p.entries()) {
          const [low, high] = [Math.min(each, q[at]!), Math.max(each, q[at]!)];
          expect(a[at]).toBeGreaterThanOrEqual(low - 1e-12);
          expect(a[at]).toBeLessThanOrEqual(high + 1e-12);
          expect(g[at]).toBeGreaterThanOrEqual(low - 1e-12);
        }
        const z = powers(p, q, alpha).reduce((sum, each) => sum + each, 0);
        expect(-Math.log(z)).toBeCloseTo((1 - alpha) * renyi(q, p, alpha), 9);
        expect(z).toBeLessThanOrEqual(1 + 1e-12);
      }),
      { seed },
    );
  });

  it(`refutes "fused logits stay between the heads" by search (seed ${seed})`, async () => {
    const property = fc.property(distributions, inside, ([p, q], alpha) =>
      geometric(p, q, alpha).every((each, at) => each <= Math.max(p[at]!, q[at]!) + 1e-9),
    );
    const [[p, q], alpha] = await searchCounterexample(property, seed);
    expect(p.length).toBeGreaterThan(2);
    expect(geometric(p, q, alpha).some((each, at) => each > Math.max(p[at]!, q[at]!))).toBe(true);
  });

  it("pinned: at α = ½ two heads that give a token .01 give it .0481 together", async () => {
    const [p, q] = [
      [0.98, 0.01, 0.01],
      [0.01, 0.98, 0.01],
    ];
    expect((await mixed("convex", p, q, 0.5))[2]).toBeCloseTo(0.0481, 4);
    expect((await mixed("mixture", p, q, 0.5))[2]).toBeCloseTo(0.01, 9);
  });

  it(`the families are one curve where log(q/p) takes two values, always for V = 2 (seed ${seed})`, () => {
    // Tokens of two classes, q/p = high on the first and low on the second.
    const classes = fc
      .tuple(weights(2), weights(3), fc.double({ min: 0.05, max: 0.95, noNaN: true }), inside)
      .map(([first, second, share, alpha]) => {
        const p = [...normalise(first).map((w) => w * share), ...normalise(second).map((w) => w * (1 - share))];
        return { p, share, alpha };
      });
    fc.assert(
      fc.property(classes, fc.double({ min: 0.05, max: 0.95, noNaN: true }), ({ p, share, alpha }, other) => {
        fc.pre(Math.abs(share - other) > 0.01);
        const q = p.map((each, at) => (at < 2 ? (each / share) * other : (each / (1 - share)) * (1 - other)));
        const g = geometric(p, q, alpha);
        // The α of the arithmetic mixture with the same share of the first class.
        const matching = (g[0]! + g[1]! - share) / (other - share);
        expect(matching).toBeGreaterThan(0);
        expect(matching).toBeLessThan(1);
        close(g, arithmetic(p, q, matching));
      }),
      { seed },
    );
  });

  it(`with three values of log(q/p) no arithmetic mixture is the geometric one (seed ${seed})`, () => {
    const apart = fc
      .tuple(weights(3), weights(3), inside)
      .map(([a, b, alpha]) => ({ p: normalise(a), q: normalise(b), alpha }));
    fc.assert(
      fc.property(apart, ({ p, q, alpha }) => {
        const ratios = p.map((each, at) => Math.log(q[at]! / each)).sort((a, b) => a - b);
        fc.pre(ratios[1]! - ratios[0]! > 0.1 && ratios[2]! - ratios[1]! > 0.1 && Math.abs(alpha - 0.5) < 0.4);
        const g = geometric(p, q, alpha);
        const slope = q.map((each, at) => each - p[at]!);
        const wanted = g.map((each, at) => each - p[at]!);
        const best = slope.reduce((sum, s, at) => sum + s * wanted[at]!, 0) / slope.reduce((sum, s) => sum + s * s, 0);
        expect(Math.hypot(...wanted.map((each, at) => each - best * slope[at]!))).toBeGreaterThan(1e-6);
      }),
      { seed },
    );
  });
});
