// Means over seeds and prompts: a table by hand, invariances, the two limits, and how often the interval holds the truth.
import { createRandom } from "@dual-head/tensor-core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crossedMean } from "./crossed-mean.ts";
import { studentCritical } from "./distributions.ts";
import { meanInterval } from "./mean.ts";

const seed = 20261126;
const value = fc.double({ min: -10, max: 10, noNaN: true });
const grid = fc
  .tuple(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 2, max: 11 }))
  .chain(([seeds, prompts]) =>
    fc.array(fc.array(value, { minLength: prompts, maxLength: prompts }), { minLength: seeds, maxLength: seeds }),
  );
const expectEnds = (
  { mean, low, high }: { mean: number; low: number; high: number },
  expected: readonly number[],
  digits = 6,
) => {
  for (const [at, each] of [mean, low, high].entries()) expect(each).toBeCloseTo(expected[at]!, digits);
};

describe("crossedMean()", () => {
  it("is what the mean squares of a table say", () => {
    // Means of seeds 3, 5 and of prompts 2, 3, 7: MS_s = 3·2 = 6, MS_p = 2·7 = 14, residuals ±1, 0, ±1 and so MS_e = 2.
    const found = crossedMean([
      [2, 2, 5],
      [2, 4, 9],
    ]);
    expect(found).toMatchObject({ mean: 4, count: 6, seedCount: 2, promptCount: 3, seedMeans: [3, 5] });
    const freedom = 18 ** 2 / (6 ** 2 / 1 + 14 ** 2 / 2 + 2 ** 2 / 2);
    expect(found.freedom).toBeCloseTo(freedom, 12);
    expect(found.high - 4).toBeCloseTo(studentCritical(0.95, freedom) * Math.sqrt(18 / 6), 12);
    expect(found.seedMeansDeviation).toBeCloseTo(Math.SQRT2, 12);
    expect(found.seedDeviation).toBeCloseTo(Math.sqrt((6 - 2) / 3), 12);
  });

  it("counts a component below zero as zero, so that no mean square is more than the variance", () => {
    fc.assert(
      fc.property(grid, (values) => {
        const { mean, high, freedom, count, promptCount, seedMeansDeviation } = crossedMean(values);
        const variance = ((high - mean) / studentCritical(0.95, freedom)) ** 2;
        expect(variance * count).toBeGreaterThanOrEqual(promptCount * seedMeansDeviation ** 2 * (1 - 1e-9) - 1e-9);
        expect(freedom).toBeGreaterThanOrEqual(1);
      }),
      { seed },
    );
    // Two seeds that are contrary to each other have the same mean: MS_s = MS_p = 0.
    const contrary = crossedMean([
      [1, -1, 1, -1],
      [-1, 1, -1, 1],
    ]);
    const rest = 8 / 3;
    expect(contrary.seedDeviation).toBe(0);
    expect(contrary.freedom).toBeCloseTo(3, 12);
    expect(contrary.high).toBeCloseTo(studentCritical(0.95, 3) * Math.sqrt(rest / 8), 12);
  });

  it("moves with the values and grows with their scale", () => {
    fc.assert(
      fc.property(grid, fc.integer({ min: -20, max: 20 }), (values, shift) => {
        const { mean, low, high } = crossedMean(values);
        const moved = crossedMean(values.map((own) => own.map((each) => 3 * each + shift)));
        expectEnds(moved, [3 * mean + shift, 3 * low + shift, 3 * high + shift]);
      }),
      { seed },
    );
  });

  it("is the same for any order of seeds and of prompts", () => {
    fc.assert(
      fc.property(grid, fc.integer({ min: 1, max: 10 }), (values, by) => {
        const { mean, low, high } = crossedMean(values);
        const turned = <Item>(items: readonly Item[]) => items.map((_, at) => items[(at + by) % items.length]!);
        expectEnds(crossedMean(values.toReversed()), [mean, low, high]);
        expectEnds(crossedMean(values.map(turned)), [mean, low, high]);
      }),
      { seed },
    );
  });

  it("of equal seeds is the interval over prompts, of equal prompts that over seeds", () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 2, maxLength: 9 }), fc.integer({ min: 2, max: 5 }), (own, copies) => {
        const { mean, low, high } = meanInterval(own);
        const equalSeeds = crossedMean(Array.from({ length: copies }, () => own));
        expectEnds(equalSeeds, [mean, low, high]);
        expect(equalSeeds.seedDeviation).toBeCloseTo(0, 9);
        expectEnds(crossedMean(own.map((each) => Array.from({ length: copies }, () => each))), [mean, low, high]);
      }),
      { seed },
    );
    expect(
      crossedMean([
        [7, 7],
        [7, 7],
      ]),
    ).toMatchObject({ mean: 7, low: 7, high: 7 });
  });

  it("refuses one seed, one prompt, gaps and what is no number", () => {
    expect(() => crossedMean([[1, 2]])).toThrow(
      "Cannot compute a mean over seeds and prompts: one seed says nothing of others; train with two or more, or take meanInterval over its prompts",
    );
    expect(() => crossedMean([])).toThrow(/there are no seeds/);
    expect(() => crossedMean([[1], [2]])).toThrow(/one prompt says nothing of others/);
    expect(() => crossedMean([[1, 2], [1]])).toThrow(/2 and 1 values/);
    expect(() =>
      crossedMean([
        [1, 2],
        [1, Number.NaN],
      ]),
    ).toThrow(/value 1 is NaN/);
    expect(() =>
      crossedMean(
        [
          [1, 2],
          [1, 2],
        ],
        95,
      ),
    ).toThrow(/the level is 95/);
  });

  // Standard deviations of seeds and prompts beside 1 of single values: from seeds that do nothing to seeds that are all.
  it.each([
    [2, 0, 0.5],
    [2, 0.1, 0.5],
    [3, 0, 0.5],
    [3, 0.06, 0.5],
    [3, 0.12, 0.5],
    [3, 0.12, 0],
    [3, 1, 0.5],
    [5, 0.1, 1],
  ])(`of %i seeds (deviation %d, prompts %d) holds the truth in .90 to .99 of draws (seed ${seed})`, (seeds, a, b) => {
    const random = createRandom(seed, `crossed ${seeds} ${a} ${b}`);
    const trials = 400;
    let inside = 0;
    for (let trial = 0; trial < trials; trial++) {
      const prompts = Array.from({ length: 60 }, () => b * random.normal());
      const values = Array.from({ length: seeds }, () => {
        const own = 2 + a * random.normal();
        return prompts.map((prompt) => own + prompt + random.normal());
      });
      const { low, high } = crossedMean(values);
      if (low <= 2 && 2 <= high) inside++;
    }
    expect(inside / trials).toBeGreaterThanOrEqual(0.9);
    expect(inside / trials).toBeLessThanOrEqual(0.99);
  });
});
