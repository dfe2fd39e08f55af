// Means, shares and bootstrap intervals: closed forms, invariances, and how often they hold the truth.
import { createRandom } from "@dual-head/tensor-core";
import { wilsonInterval } from "@dual-head/train";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MetricError } from "../metric-error.ts";
import { bootstrap, bootstrapDifference, bootstrapMean, quantileOf } from "./bootstrap.ts";
import { fairCoinTail, logGamma, normalCritical, studentCritical } from "./distributions.ts";
import { meanInterval } from "./mean.ts";
import { shareInterval } from "./share.ts";

const seed = 20261125;
const values = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 2, maxLength: 23 });
const level = fc.double({ min: 0.05, max: 0.999, noNaN: true });
/** Equal but for the rounding of what is as large as `scale`. */
const expectClose = (value: number, expected: number, scale = 1) =>
  expect(Math.abs(value - expected)).toBeLessThanOrEqual(1e-11 * Math.max(scale, Math.abs(expected)));

describe("critical values", () => {
  it("are those of closed forms: Student's with one and two degrees of freedom", () => {
    fc.assert(
      fc.property(level, (share) => {
        expectClose(studentCritical(share, 1), Math.tan((Math.PI * share) / 2));
        expectClose(studentCritical(share, 2), share * Math.sqrt(2 / (1 - share * share)));
      }),
      { seed },
    );
  });

  it("are those of tables", () => {
    expectClose(normalCritical(0.95), 1.959963984540054);
    expectClose(normalCritical(0.99), 2.575829303548901);
    // scipy 1.17.1, stats.t.ppf.
    for (const [freedom, expected] of [
      [3, 3.1824463052837078],
      [10, 2.228138851986274],
      [29, 2.045229642132703],
      [299, 1.9679296690656698],
      [99_999, 1.9599877077718442],
    ] as const) {
      expect(studentCritical(0.95, freedom)).toBeCloseTo(expected, 9);
    }
  });

  it("grow with the level and shrink towards the normal with the degrees of freedom", () => {
    fc.assert(
      fc.property(level, fc.integer({ min: 1, max: 500 }), (share, freedom) => {
        const t = studentCritical(share, freedom);
        expect(t).toBeGreaterThan(studentCritical(share, freedom + 7));
        expect(t).toBeGreaterThan(normalCritical(share));
        expect(t).toBeLessThan(studentCritical(share + 0.0005, freedom));
      }),
      { seed },
    );
  });

  it("logGamma(n + 1) = ln n! and fairCoinTail() = Σ C(n, k) / 2^n", () => {
    let factorial = 0;
    for (let n = 1; n < 200; n++) {
      factorial += Math.log(n);
      expect(logGamma(n + 1)).toBeCloseTo(factorial, 9);
    }
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 300 }), (trials, drawn) => {
        const count = Math.min(drawn, trials);
        let [row, sum] = [1n, 0n];
        for (let k = 0; k <= count; k++) {
          sum += row;
          row = (row * BigInt(trials - k)) / BigInt(k + 1);
        }
        // 53 bits of the exact quotient.
        const exact = Number((sum << 60n) >> BigInt(trials)) / 2 ** 60;
        expect(fairCoinTail(count, trials)).toBeCloseTo(exact, 11);
      }),
      { seed },
    );
  });
});

describe("meanInterval()", () => {
  it("moves with the values and grows with their scale", () => {
    fc.assert(
      fc.property(values, fc.double({ min: -50, max: 50, noNaN: true }), (given, shift) => {
        const { mean, low, high, count } = meanInterval(given);
        expect(count).toBe(given.length);
        expect(low).toBeLessThanOrEqual(mean);
        expect(high).toBeGreaterThanOrEqual(mean);
        const moved = meanInterval(given.map((value) => 3 * value + shift));
        expectClose(moved.mean, 3 * mean + shift, 1000);
        expectClose(moved.low, 3 * low + shift, 1e5);
        expectClose(moved.high, 3 * high + shift, 1e5);
      }),
      { seed },
    );
  });

  it("is mean ± t·sd/√n", () => {
    const { mean, low, high } = meanInterval([2, 3, 5, 7, 11]);
    expect(mean).toBe(5.6);
    // Squares from 5.6 sum to 51.2, over n − 1 = 4 to 12.8.
    const half = (2.7764451051977934 * Math.sqrt(12.8)) / Math.sqrt(5);
    expect(high - mean).toBeCloseTo(half, 9);
    expect(mean - low).toBeCloseTo(half, 9);
  });

  it("has no ends of one value, and refuses none, NaN and levels that are none", () => {
    expect(meanInterval([7])).toEqual({ mean: 7, low: -Infinity, high: Infinity, count: 1 });
    expect(() => meanInterval([])).toThrow("Cannot compute a mean: there are no values; give at least one");
    expect(() => meanInterval([1, Number.NaN])).toThrow(/value 1 is NaN/);
    expect(() => meanInterval([1, 2], 95)).toThrow(/the level is 95/);
  });
});

describe("shareInterval()", () => {
  it("is Wilson's interval as training computes it, and holds the share", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 997 }), fc.double({ min: 0, max: 1, noNaN: true }), (count, share) => {
        const wins = Math.round(share * count * 2) / 2;
        const { low, high, ...rest } = shareInterval(wins, count);
        expect({ low, high }).toEqual(wilsonInterval(wins / count, count));
        expect(rest).toEqual({ share: wins / count, count });
        expect(low).toBeLessThanOrEqual(rest.share + 1e-15);
        expect(high).toBeGreaterThanOrEqual(rest.share - 1e-15);
        const wider = shareInterval(wins, count, 0.99);
        expect(wider.high - wider.low).toBeGreaterThanOrEqual(high - low);
      }),
      { seed },
    );
  });

  it("refuses no trials and more successes than trials", () => {
    expect(() => shareInterval(0, 0)).toThrow(MetricError);
    expect(() => shareInterval(4, 3)).toThrow("Cannot compute a share: 4 of 3 succeeded; give from 0 to 3");
  });
});

describe("bootstrap()", () => {
  const options = { seed, resamples: 199 };

  it("gives the same for the same seed, and lies between the extremes", () => {
    fc.assert(
      fc.property(values, fc.nat(), (given, own) => {
        const estimate = bootstrapMean(given, { ...options, seed: own });
        expect(estimate).toEqual(bootstrapMean(given, { ...options, seed: own }));
        expect(estimate.low).toBeGreaterThanOrEqual(Math.min(...given) - 1e-9);
        expect(estimate.high).toBeLessThanOrEqual(Math.max(...given) + 1e-9);
        expect(estimate.low).toBeLessThanOrEqual(estimate.high);
      }),
      { seed, numRuns: 50 },
    );
  });

  it("draws the same rows for every statistic of as many rows", () => {
    const rowsOf = () => {
      const seen: number[][] = [];
      bootstrap(7, (rows) => seen.push([...rows]), { seed: 3, resamples: 11 });
      return seen;
    };
    expect(rowsOf()).toEqual(rowsOf());
    expect(rowsOf()[0]).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it("of a paired difference is that of the differences, however far apart the prompts are", () => {
    fc.assert(
      fc.property(values, fc.integer({ min: -9, max: 9 }), (given, shift) => {
        const { mean, low, high } = bootstrapDifference(
          given.map((value) => value + shift),
          given,
          options,
        );
        for (const each of [mean, low, high]) expectClose(each, shift, 200);
      }),
      { seed, numRuns: 50 },
    );
    expect(() => bootstrapDifference([1, 2], [1], options)).toThrow(/2 and 1 values/);
  });

  it("counts draws of which the statistic is undefined, and has no ends where they are many", () => {
    // Undefined where row 0 is not drawn: with 2 rows a quarter of the draws, with 3 rows 8 of 27.
    const needsFirst = (rows: Uint32Array) => (rows.includes(0) ? rows.length : null);
    const few = bootstrap(2, needsFirst, { seed, resamples: 4000 });
    expect(few).toMatchObject({ value: 2, low: null, high: null });
    expect(few.undefinedCount / 4000).toBeCloseTo(0.25, 1);
    // Undefined where nothing but row 0 of 7 is drawn, which is never.
    const rare = bootstrap(7, (rows) => (rows.every((row) => row === 0) ? null : 1), options);
    expect(rare).toEqual({ value: 1, low: 1, high: 1, resamples: 199, undefinedCount: 0 });
    expect(bootstrap(3, () => null, options)).toMatchObject({ value: null, low: null, high: null });
  });

  it("refuses what makes no sense", () => {
    expect(() => bootstrap(0, () => 1, options)).toThrow(/count is 0/);
    expect(() => bootstrapMean([1], { seed, resamples: 0.5 })).toThrow(/resamples is 0.5/);
  });

  it("quantileOf() is linear between neighbours", () => {
    expect(quantileOf([1, 2, 4, 8], 0.5)).toBe(3);
    expect(quantileOf([1, 2, 4, 8], 1)).toBe(8);
    expect(quantileOf([5], 0.3)).toBe(5);
    expect(quantileOf([-Infinity, -Infinity, 0], 0.25)).toBe(-Infinity);
  });
});

describe("coverage by simulation", () => {
  const trials = 1000;
  // Three standard errors of a coverage of .95.
  const slack = 3 * Math.sqrt((0.95 * 0.05) / trials);

  it(`Wilson's interval holds the rate in 95 % of draws, at rates and counts together (seed ${seed})`, () => {
    const random = createRandom(seed, "wilson");
    let inside = 0;
    for (let trial = 0; trial < trials; trial++) {
      const rate = 0.05 + 0.9 * random.uniform();
      const count = 20 + random.integer(300);
      let wins = 0;
      for (let at = 0; at < count; at++) if (random.uniform() < rate) wins++;
      const { low, high } = shareInterval(wins, count);
      if (low <= rate && rate <= high) inside++;
    }
    expect(Math.abs(inside / trials - 0.95)).toBeLessThan(slack);
  });

  it.each([2, 5, 30])(
    `Student's interval holds the mean of %i normal values in 95 % of draws (seed ${seed})`,
    (count) => {
      const random = createRandom(seed, `student ${count}`);
      let inside = 0;
      for (let trial = 0; trial < trials; trial++) {
        const { low, high } = meanInterval(Float64Array.from({ length: count }, () => 3 + 2 * random.normal()));
        if (low <= 3 && 3 <= high) inside++;
      }
      expect(Math.abs(inside / trials - 0.95)).toBeLessThan(slack);
    },
  );

  it(`the bootstrap's holds the mean of 100 skewed values in 92 % or more, of 10 in less (seed ${seed})`, () => {
    const random = createRandom(seed, "bootstrap coverage");
    const coverage = (count: number) => {
      let inside = 0;
      for (let trial = 0; trial < trials; trial++) {
        const drawn = Float64Array.from({ length: count }, () => -Math.log(1 - random.uniform()));
        const { low, high } = bootstrapMean(drawn, { seed: trial, resamples: 200 });
        if (low <= 1 && 1 <= high) inside++;
      }
      return inside / trials;
    };
    expect(coverage(100)).toBeGreaterThan(0.92 - slack);
    // What is known of the percentile interval: too narrow where rows are few.
    expect(coverage(10)).toBeLessThan(0.92);
  });

  it(`a paired interval is as wide as the differences vary, not as the prompts do (seed ${seed})`, () => {
    const random = createRandom(seed, "paired coverage");
    let inside = 0;
    let width = 0;
    for (let trial = 0; trial < 400; trial++) {
      const prompts = Float64Array.from({ length: 60 }, () => 10 * random.normal());
      const [first, second] = [0.3, 0].map((gain) => prompts.map((value) => value + gain + 0.5 * random.normal()));
      const { low, high } = bootstrapDifference(first!, second!, { seed: trial, resamples: 200 });
      if (low <= 0.3 && 0.3 <= high) inside++;
      width += (high - low) / 400;
    }
    expect(Math.abs(inside / 400 - 0.95)).toBeLessThan(3 * Math.sqrt((0.95 * 0.05) / 400) + 0.01);
    expect(width).toBeLessThan(0.5);
  });
});
