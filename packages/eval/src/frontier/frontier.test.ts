// Frontiers: read at and between measured points and never beyond; the bound of best-of-n against what n draws really do.
import { createRandom } from "@dual-head/tensor-core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bestOfNKlBound } from "./best-of-n.ts";
import { compareAtKl, type FrontierPoint, frontierOf, rewardAtKl, sharedKlRange } from "./frontier.ts";

const seed = 20261125;
const options = { seed, resamples: 50 };

/** Points whose divergences and rewards are the same on all prompts, so that every draw has the same means. */
const flat = (pairs: readonly (readonly [number, number])[], prompts = 5): readonly FrontierPoint[] =>
  pairs.map(([kl, reward], knob) => ({
    knob,
    kl: Array.from({ length: prompts }, () => kl),
    reward: Array.from({ length: prompts }, () => reward),
  }));
// Quarters, so that means are exact.
const quarter = fc.integer({ min: 0, max: 80 }).map((quarters) => quarters / 4);
const curves = fc.uniqueArray(fc.tuple(quarter, quarter), { minLength: 2, maxLength: 7, selector: ([kl]) => kl });

describe("rewardAtKl()", () => {
  it("is the measured mean at a point, on the line between neighbours, and null outside, in whatever order", () => {
    fc.assert(
      fc.property(curves, fc.double({ min: 0, max: 1, noNaN: true }), (curve, share) => {
        const sorted = curve.toSorted(([a], [b]) => a - b);
        const points = flat(curve);
        for (const [kl, reward] of curve) expect(rewardAtKl(points, kl, options).value).toBe(reward);
        for (const [index, [kl, reward]] of sorted.slice(0, -1).entries()) {
          const [nextKl, nextReward] = sorted[index + 1]!;
          const { value, low, high } = rewardAtKl(points, kl + share * (nextKl - kl), options);
          expect(value).toBeCloseTo(reward + share * (nextReward - reward), 9);
          expect([low, high]).toEqual([value, value]);
        }
        expect(rewardAtKl(points, sorted[0]![0] - 0.01, options)).toMatchObject({ value: null, low: null, high: null });
        expect(rewardAtKl(points, sorted.at(-1)![0] + 0.01, options).value).toBeNull();
      }),
      { seed, numRuns: 50 },
    );
  });

  it("takes points of equal divergence as one", () => {
    const points = flat([
      [1, 4],
      [0, 0],
      [1, 2],
      [2, 5],
    ]);
    expect(rewardAtKl(points, 1, options).value).toBe(3);
    expect(rewardAtKl(points, 0.5, options).value).toBe(1.5);
    expect(rewardAtKl(points, 1.5, options).value).toBe(4);
  });

  it("gives no interval where draws often miss the divergence, though the mean reaches it", () => {
    const points = [
      { knob: 0, kl: [0, 0, 0, 0], reward: [0, 0, 0, 0] },
      { knob: 1, kl: [0, 0, 0, 4], reward: [1, 1, 1, 1] },
    ];
    expect(rewardAtKl(points, 1, options)).toMatchObject({ value: 1, low: null, high: null });
  });

  it(`holds the truth about as often as it says (seed ${seed})`, () => {
    const random = createRandom(seed, "frontier");
    const trials = 200;
    let inside = 0;
    for (let trial = 0; trial < trials; trial++) {
      // Mean reward √KL at three knobs; the chord between 1 and 4 is 4/3 at 2.
      const points = [0, 1, 4].map((kl, knob) => {
        const noise = Array.from({ length: 50 }, () => random.normal());
        return {
          knob,
          kl: noise.map(() => kl * (0.8 + 0.4 * random.uniform())),
          reward: noise.map((each) => Math.sqrt(kl) + 0.5 * each),
        };
      });
      const { low, high } = rewardAtKl(points, 2, { seed: trial, resamples: 200 });
      if (low! <= 4 / 3 && 4 / 3 <= high!) inside++;
    }
    expect(Math.abs(inside / trials - 0.95)).toBeLessThan(3 * Math.sqrt((0.95 * 0.05) / trials) + 0.01);
  });

  it("says what is wrong with its points", () => {
    const [point] = flat([[1, 2]]);
    expect(() => rewardAtKl([], 1, options)).toThrow("Cannot compute a frontier: a method has no points");
    expect(() => rewardAtKl([point!], Number.NaN, options)).toThrow("the divergence is NaN");
    expect(() => rewardAtKl([point!, ...flat([[1, 2]], 3)], 1, options)).toThrow("5 and 3 values");
    expect(() => frontierOf([{ ...point!, reward: [1, 2, Number.NaN, 4, 5] }], options)).toThrow("value 2 is NaN");
  });
});

describe("compareAtKl()", () => {
  const random = createRandom(seed, "prompts");
  const hard = Array.from({ length: 40 }, () => 10 * random.normal());
  const method = (gain: number): readonly FrontierPoint[] =>
    [0, 1, 2].map((knob) => ({
      knob,
      kl: hard.map(() => knob * 2),
      reward: hard.map((each) => each + knob * gain + 0.1 * random.normal()),
    }));

  it("pairs prompts: the difference is narrow where both rewards are wide, and turns with the sides", () => {
    const [first, second] = [method(1), method(0.5)];
    const compared = compareAtKl(first, second, 3, { seed });
    expect(compared.difference.value).toBeCloseTo(compared.first.value! - compared.second.value!, 9);
    expect(compared.difference.low).toBeGreaterThan(0.6);
    expect(compared.difference.high).toBeLessThan(0.9);
    expect(compared.first.high! - compared.first.low!).toBeGreaterThan(4);
    const turned = compareAtKl(second, first, 3, { seed });
    expect(turned.difference.low).toBeCloseTo(-compared.difference.high!, 9);
    expect(compareAtKl(first, first, 3, { seed }).difference).toMatchObject({ value: 0, low: 0, high: 0 });
  });

  it("is null where either was not measured", () => {
    const compared = compareAtKl(method(1), method(1).slice(0, 2), 3, options);
    expect(compared.first.value).not.toBeNull();
    expect(compared.second.value).toBeNull();
    expect(compared.difference.value).toBeNull();
  });
});

describe("frontierOf() and sharedKlRange()", () => {
  it("order points by divergence, and find where all methods were measured", () => {
    const curve = flat([
      [3, 1],
      [1, 2],
    ]);
    expect(frontierOf(curve, options).map(({ knob, kl, reward }) => [knob, kl.mean, reward.mean])).toEqual([
      [1, 1, 2],
      [0, 3, 1],
    ]);
    const other = flat([
      [2, 0],
      [9, 0],
    ]);
    expect(sharedKlRange([curve, other])).toEqual({ low: 2, high: 3 });
    expect(sharedKlRange([curve, flat([[4, 0]])])).toBeNull();
    expect(() => sharedKlRange([])).toThrow("there are no methods");
  });
});

/** KL(best-of-n ‖ base) over single tokens: every n-tuple of tokens with its probability, the best of each given. */
function exactBestOfNKl(base: readonly number[], rewards: readonly number[], count: number): number {
  const best = base.map(() => 0);
  const walk = (drawn: number, probability: number, chosen: number): void => {
    if (drawn === count) best[chosen]! += probability;
    else {
      for (const [token, share] of base.entries()) {
        const isBetter = drawn === 0 || rewards[token]! > rewards[chosen]!;
        walk(drawn + 1, probability * share, isBetter ? token : chosen);
      }
    }
  };
  walk(0, 1, 0);
  return best.reduce((sum, share, token) => (share === 0 ? sum : sum + share * Math.log(share / base[token]!)), 0);
}

describe("bestOfNKlBound()", () => {
  it("is never below what n draws do, whatever the base, the rewards and their ties", () => {
    const tokens = fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 3 })), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(tokens, fc.integer({ min: 1, max: 5 }), (given, count) => {
        const total = given.reduce((sum, [weight]) => sum + weight, 0);
        const kl = exactBestOfNKl(
          given.map(([weight]) => weight / total),
          given.map(([, reward]) => reward),
          count,
        );
        expect(kl).toBeGreaterThan(-1e-12);
        expect(kl).toBeLessThan(bestOfNKlBound(count) + 1e-12);
      }),
      { seed, numRuns: 100 },
    );
  });

  it("is 0 of one draw, and is reached as answers become many and different", () => {
    expect(bestOfNKlBound(1)).toBe(0);
    // A closed form of the same law: Σ over ranks of (F_k^n − F_(k−1)^n) ln((F_k^n − F_(k−1)^n)·V).
    const uniformKl = (size: number, count: number) =>
      Array.from({ length: size }, (_, rank) => ((rank + 1) / size) ** count - (rank / size) ** count).reduce(
        (sum, share) => sum + share * Math.log(share * size),
        0,
      );
    expect(uniformKl(5, 3)).toBeCloseTo(exactBestOfNKl([0.2, 0.2, 0.2, 0.2, 0.2], [1, 2, 3, 4, 5], 3), 12);
    for (const count of [2, 4, 16, 64]) {
      const gap = bestOfNKlBound(count) - uniformKl(20_000, count);
      expect(gap).toBeGreaterThan(0);
      expect(gap).toBeLessThan(1e-5);
    }
    expect(() => bestOfNKlBound(0)).toThrow("n is 0; give a whole number from 1 on");
  });
});
