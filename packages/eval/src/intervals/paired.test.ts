// Paired tests: exact probabilities, invariances, and how often they cry wolf.
import { createRandom } from "@dual-head/tensor-core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { comparePaired, mcNemarTest, permutationTest, signTest } from "./paired.ts";

const seed = 20261126;
const counts = fc.integer({ min: 0, max: 40 });
const pairs = fc.array(fc.tuple(fc.integer({ min: -5, max: 5 }), fc.integer({ min: -5, max: 5 })), {
  minLength: 1,
  maxLength: 11,
});

describe("signTest()", () => {
  it("has no favourite side, and is 1 of a draw", () => {
    fc.assert(
      fc.property(counts, counts, (wins, losses) => {
        expect(signTest(wins, losses)).toBe(signTest(losses, wins));
        expect(signTest(wins, wins)).toBe(1);
        if (wins > losses) expect(signTest(wins + 1, losses)).toBeLessThan(signTest(wins, losses) + 1e-12);
      }),
      { seed },
    );
  });

  it("is 2^(1−n) of n wins and no loss", () => {
    for (let wins = 1; wins < 60; wins++) expect(signTest(wins, 0)).toBeCloseTo(2 ** (1 - wins), 12);
    expect(signTest(0, 0)).toBe(1);
    // scipy 1.17.1, stats.binomtest(187, 300).
    expect(signTest(187, 113)).toBeCloseTo(2.2884169976288425e-5, 14);
    expect(() => signTest(1.5, 2)).toThrow("Cannot compute a sign test: wins is 1.5; give a whole number from 0 on");
  });
});

describe("mcNemarTest()", () => {
  it("sees only prompts on which the two disagree", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 31, minLength: 1 }), (given) => {
        const [first, second] = [given.map(([own]) => own), given.map(([, other]) => other)];
        const { firstOnly, secondOnly, p } = mcNemarTest(first, second);
        expect(firstOnly).toBe(given.filter(([own, other]) => own && !other).length);
        expect(secondOnly).toBe(given.filter(([own, other]) => !own && other).length);
        expect(p).toBe(signTest(firstOnly, secondOnly));
        expect(mcNemarTest([...first, true], [...second, true]).p).toBe(p);
      }),
      { seed },
    );
  });
});

describe("permutationTest()", () => {
  it("counts signs under which the sum is as far from 0, exactly where prompts are few", () => {
    fc.assert(
      fc.property(pairs, (given) => {
        const [first, second] = [given.map(([own]) => own), given.map(([, other]) => other)];
        const differences = given.map(([own, other]) => own - other);
        const sums = differences.reduce((sums, each) => sums.flatMap((sum) => [sum + each, sum - each]), [0]);
        const seen = Math.abs(differences.reduce((a, b) => a + b, 0));
        const exact = sums.filter((sum) => Math.abs(sum) >= seen).length / sums.length;
        expect(permutationTest(first, second, { seed })).toBeCloseTo(exact, 12);
        expect(permutationTest(second, first, { seed })).toBeCloseTo(exact, 12);
        // Drawn signs come near it.
        const drawn = permutationTest([...first, 9, 9], [...second, 0, 0], { seed, permutations: 3 });
        expect(drawn).toBeGreaterThan(0);
      }),
      { seed },
    );
  });

  it("draws what it cannot try, near the exact answer, the same for the same seed", () => {
    const random = createRandom(seed, "values");
    const first = Array.from({ length: 13 }, () => random.normal() + 0.4);
    const zero = first.map(() => 0);
    const exact = permutationTest(first, zero, { seed });
    const drawn = permutationTest(first, zero, { seed, permutations: 8000 });
    expect(drawn).not.toBe(exact);
    expect(Math.abs(drawn - exact)).toBeLessThan(0.02);
    expect(permutationTest(first, zero, { seed, permutations: 8000 })).toBe(drawn);
  });

  it(`rejects at 5 % in about 5 % of draws without a difference (seed ${seed})`, () => {
    const random = createRandom(seed, "null");
    let rejected = 0;
    for (let trial = 0; trial < 400; trial++) {
      const [first, second] = [0, 0].map(() => Float64Array.from({ length: 20 }, () => random.normal()));
      if (permutationTest(first!, second!, { seed: trial, permutations: 199 }) <= 0.05) rejected++;
    }
    expect(Math.abs(rejected / 400 - 0.05)).toBeLessThan(3 * Math.sqrt((0.05 * 0.95) / 400));
  });
});

describe("comparePaired()", () => {
  it("says the same of exchanged methods, the other way round", () => {
    fc.assert(
      fc.property(pairs, (given) => {
        const [first, second] = [given.map(([own]) => own), given.map(([, other]) => other)];
        const one = comparePaired(first, second, { seed, resamples: 99 });
        const other = comparePaired(second, first, { seed, resamples: 99 });
        expect(one.wins + one.losses + one.ties).toBe(given.length);
        expect([other.wins, other.losses, other.ties]).toEqual([one.losses, one.wins, one.ties]);
        expect([other.signP, other.permutationP]).toEqual([one.signP, one.permutationP]);
        expect(other.difference.mean).toBeCloseTo(-one.difference.mean, 12);
        expect(other.difference.low).toBeCloseTo(-one.difference.high, 9);
      }),
      { seed, numRuns: 50 },
    );
  });
});
