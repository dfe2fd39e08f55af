// Tests of the distribution: normaliser against a naive sum, ties, exclusion, and frequencies of draws.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { argmax, logNormalizer, logProbability, sampleToken } from "./distribution.ts";
import { SamplingError } from "./errors.ts";
import { createRandom } from "./random.ts";

const logitsOf = fc.array(fc.double({ min: -30, max: 30, noNaN: true }), { minLength: 1, maxLength: 17 });

describe("logNormalizer() and logProbability()", () => {
  it("agree with the naive formula", () => {
    fc.assert(
      fc.property(logitsOf, (values) => {
        const naive = Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0));
        expect(logNormalizer(Float64Array.from(values))).toBeCloseTo(naive, 10);
        expect(logProbability(Float64Array.from(values), 0)).toBeCloseTo(values[0]! - naive, 10);
      }),
      { seed: 21, numRuns: 200 },
    );
  });

  it("do not overflow, and give −∞ for an excluded token", () => {
    expect(logNormalizer(Float64Array.of(1000, 1000))).toBeCloseTo(1000 + Math.LN2, 10);
    expect(logProbability(Float64Array.of(0, -Infinity), 1)).toBe(-Infinity);
  });
});

describe("argmax()", () => {
  it("takes the lowest id among equals", () => {
    expect(argmax(Float32Array.of(1, 3, 3, 2))).toBe(1);
  });

  it("throws on NaN, +∞ and nothing left", () => {
    expect(() => argmax(Float64Array.of(1, Number.NaN))).toThrow("the logit of token 1 is NaN");
    expect(() => argmax(Float64Array.of(Number.NaN, 1))).toThrow(SamplingError);
    expect(() => argmax(Float64Array.of(1, Infinity))).toThrow("+∞");
    expect(() => argmax(Float64Array.of(-Infinity, -Infinity))).toThrow("every token is excluded");
  });
});

describe("sampleToken()", () => {
  it("draws with the frequencies of softmax, and never an excluded token", () => {
    const logits = Float64Array.of(0.3, -1.1, -Infinity, 2, 0.9, -0.2, 1.3);
    const counts = new Array<number>(7).fill(0);
    const random = createRandom(5);
    const drawCount = 20_000;
    for (let i = 0; i < drawCount; i++) counts[sampleToken(logits, random)]!++;
    expect(counts[2]).toBe(0);
    let chiSquare = 0;
    for (const id of [0, 1, 3, 4, 5, 6]) {
      const expected = drawCount * Math.exp(logProbability(logits, id));
      chiSquare += (counts[id]! - expected) ** 2 / expected;
    }
    // The 99.9th percentile at 5 degrees of freedom.
    expect(chiSquare).toBeLessThan(20.5);
  });

  it("walks in id order: the ends of [0, 1) give the first and the last possible token", () => {
    const logits = Float64Array.of(-Infinity, 0, 1, -1, -Infinity);
    expect(sampleToken(logits, { uniform: () => 0 })).toBe(1);
    expect(sampleToken(logits, { uniform: () => 1 - 2 ** -53 })).toBe(3);
  });
});
