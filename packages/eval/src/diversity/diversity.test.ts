// Diversity: counts by hand, bounds, and that both forms are biased by length.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { diversityOf } from "./diversity.ts";

const seed = 20261201;
const word = fc.constantFrom("a", "b", "c", "d,", "É");
const response = fc.array(word, { maxLength: 13 }).map((words) => words.join(" "));

describe("diversityOf()", () => {
  it("is what is counted by hand", () => {
    // "a b a b a": bigrams ab ba ab ba (2 of 4), trigrams aba bab aba (2 of 3), abab baba (2 of 2).
    const { perResponse, pooled, repetition, meanLength, tokens } = diversityOf(["a b a b a"]);
    expect(perResponse.mean).toBeCloseTo((2 / 5) * (2 / 4) * (2 / 3), 15);
    expect(pooled).toBeCloseTo((2 / 4) * (2 / 3) * 1, 15);
    expect(repetition[1]).toBeCloseTo(1 / 3, 15);
    expect([meanLength, tokens]).toEqual([5, "whitespace"]);
    // Another response of new words: pooled counts both, the mean is of each.
    const two = diversityOf(["a b a b a", "c d e f"]);
    expect(two.pooled).toBeCloseTo((5 / 7) * (4 / 5) * (3 / 3), 15);
    expect(two.perResponse.mean).toBeCloseTo((2 / 15 + (3 / 4) * (2 / 3) * (1 / 2)) / 2, 15);
    expect(two.meanLength).toBe(4.5);
  });

  it("does not know the order of responses, nor which whitespace parts tokens", () => {
    fc.assert(
      fc.property(fc.array(response, { minLength: 1, maxLength: 7 }), (given) => {
        const one = diversityOf(given);
        const other = diversityOf(given.toReversed().map((each) => `\n${each.replaceAll(" ", " \t\u00a0")}\n`));
        expect(other.pooled).toEqual(one.pooled);
        expect(other.repetition).toEqual(one.repetition);
        expect(other.perResponse.mean).toBeCloseTo(one.perResponse.mean, 12);
        expect(one.perResponse.mean).toBeGreaterThanOrEqual(0);
        expect(one.perResponse.mean).toBeLessThan(1);
        if (one.pooled !== null) {
          expect(one.pooled).toBeGreaterThan(0);
          expect(one.pooled).toBeLessThanOrEqual(1);
        }
      }),
      { seed },
    );
  });

  it("pooled: of responses said twice is no higher, of all words new exactly 1", () => {
    fc.assert(
      fc.property(
        fc.array(response, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 4, max: 31 }),
        (given, length) => {
          const [one, twice] = [diversityOf(given), diversityOf([...given, ...given])];
          if (one.pooled !== null) expect(twice.pooled).toBeCloseTo(one.pooled / 8, 12);
          expect(twice.perResponse.mean).toBeCloseTo(one.perResponse.mean, 12);
          const fresh = Array.from({ length }, (_, at) => `w${at}`);
          expect(diversityOf([fresh.join(" ")]).pooled).toBe(1);
        },
      ),
      { seed },
    );
  });

  it("per response: of words that are all new it grows with length, and is 0 below four tokens", () => {
    const fresh = (length: number) => diversityOf([Array.from({ length }, (_, at) => `w${at}`).join(" ")]);
    for (let length = 5; length < 60; length++) {
      expect(fresh(length).perResponse.mean).toBeGreaterThan(fresh(length - 1).perResponse.mean);
    }
    expect(fresh(3)).toMatchObject({ pooled: null, perResponse: { mean: 0 }, repetition: [0, 0, null] });
    expect(() => diversityOf([])).toThrow("Cannot compute diversity: there are no responses; give at least one");
  });
});
