// Fusion at a constant α beside GenARM's decoding, as distributions of the next token.
import { createControls, type MixingMode, mixedLogits, mixingCoefficients } from "@dual-head/gating";
import { randomTensor } from "@dual-head/gating/testing";
import { add, affine, logSoftmax, type Projection, project, projectionTerms } from "@dual-head/tensor-core";
import { checkClose, sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { searchCounterexample } from "../testing/search.ts";

const seed = 20261121;
const [rowCount, hiddenSize, vocabSize] = [3, 4, 7];
const inside = fc.double({ min: 0.05, max: 0.95, noNaN: true });

async function setup(draw: number, flat = false) {
  const device = await sharedDevice("reference");
  const hidden = randomTensor(device, draw, [rowCount, hiddenSize]);
  const linear = (own: number, scale: number): Projection => ({
    kind: "linear",
    weight: randomTensor(device, draw + own, [vocabSize, hiddenSize], scale),
    bias: null,
  });
  const [lm, rm] = [linear(1, 1), linear(2, flat ? 0 : 1)];
  const logp = (projection: Projection) =>
    logSoftmax(project(projectionTerms(hidden, [{ projection, coefficient: null }])));
  const ours = (mode: MixingMode, alpha: number) => {
    const controls = createControls(device, mode, 1, new Array(rowCount).fill({ alphaMin: alpha, alphaMax: alpha }));
    const coefficients = mixingCoefficients(mode, [randomTensor(device, draw + 3, [rowCount])], controls);
    return logSoftmax(mixedLogits(mode, hidden, lm, [rm], coefficients));
  };
  /** (log π_base + a·log π_r)/temperature, normalised. */
  const genarm = (weight: number, temperature: number) =>
    logSoftmax(affine(add(logp(lm), affine(logp(rm), weight, 0)), 1 / temperature, 0));
  return { lm, logp, ours, genarm };
}

const entropyOf = (logp: ArrayLike<number>) => -Array.from(logp).reduce((sum, l) => sum + Math.exp(l) * l, 0);

/**
 * @section Fusion
 * @claim Dual-head fusion differs from GenARM's fixed weight combination in kind.
 * @verdict identity at constant α
 * @statement Fusion at a constant α is GenARM with weight a = α/(1−α), sampled at temperature 1/(1−α). So a reward head that
 * is flat still heats the base. Exactly π_base·π_r^a needs division by (1−α): mode `klExact`.
 */
describe("fusion at a constant α is GenARM at another temperature", () => {
  it(`has weight α/(1−α) and temperature 1/(1−α) (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), inside, async (draw, alpha) => {
        const { ours, genarm } = await setup(draw);
        const expected = await genarm(alpha / (1 - alpha), 1 / (1 - alpha)).read();
        checkClose("convex", await ours("convex", alpha).read(), expected, 1e-10);
      }),
      { seed, numRuns: 40 },
    );
  });

  it(`klExact is π_base·π_r^a at temperature 1 (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), inside, async (draw, alpha) => {
        const { ours, genarm } = await setup(draw);
        checkClose("klExact", await ours("klExact", alpha).read(), await genarm(alpha / (1 - alpha), 1).read(), 1e-10);
      }),
      { seed, numRuns: 40 },
    );
  });

  it(`a flat reward head heats the base in convex and leaves it alone in klExact (seed ${seed})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), inside, async (draw, alpha) => {
        const { lm, logp, ours } = await setup(draw, true);
        const base = await logp(lm).read();
        const hot = await ours("convex", alpha).read();
        checkClose("heated", hot, await logSoftmax(affine(logp(lm), 1 - alpha, 0)).read(), 1e-10);
        expect(entropyOf(hot)).toBeGreaterThan(entropyOf(base));
        checkClose("klExact", await ours("klExact", alpha).read(), base, 1e-10);
      }),
      { seed, numRuns: 30 },
    );
  });

  it(`refutes "convex fusion is π_base·π_r^a" by search (seed ${seed})`, async () => {
    const property = fc.asyncProperty(fc.nat({ max: 1000 }), inside, async (draw, alpha) => {
      const { ours, genarm } = await setup(draw);
      const [own, exact] = [await ours("convex", alpha).read(), await genarm(alpha / (1 - alpha), 1).read()];
      return own.every((value, at) => Math.abs(value - exact[at]!) < 1e-3);
    });
    const [, alpha] = await searchCounterexample(property, seed);
    expect(alpha).toBeGreaterThan(0);
    // Pinned: a base of (.9, .1) beside a flat head at α = ½ becomes (.75, .25).
    const heated = [0.9, 0.1].map(Math.sqrt);
    expect(heated[0]! / (heated[0]! + heated[1]!)).toBeCloseTo(0.75, 12);
  });
});
