// Fits of power laws whose exponent is known.
import { createRandom } from "@dual-head/tensor-core";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitExponent, fixedPart, logSlope } from "./fit.ts";

const seed = 20261130;
const sizes = [64, 128, 256, 512, 1024];

describe("logSlope()", () => {
  it(`is the exponent of an exact power law (seed ${seed})`, () => {
    const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });
    fc.assert(
      fc.property(number(-2, 3), number(0.01, 100), (exponent, factor) => {
        expect(
          logSlope(
            sizes,
            sizes.map((size) => factor * size ** exponent),
          ),
        ).toBeCloseTo(exponent, 9);
      }),
      { seed },
    );
  });
  it("refuses one size and numbers that are not positive", () => {
    expect(() => logSlope([3, 3], [1, 2])).toThrow(RangeError);
    expect(() => logSlope([1, 2], [0, 2])).toThrow(RangeError);
  });
});

describe("fitExponent()", () => {
  it(`covers the exponent of noisy times in about 95 of 100 draws (seed ${seed})`, () => {
    const random = createRandom(seed, "noise");
    let inside = 0;
    for (let trial = 0; trial < 100; trial++) {
      const times = sizes.map((size) =>
        Array.from({ length: 15 }, () => size ** 1.3 * Math.exp(0.2 * random.normal())),
      );
      const { value, low, high } = fitExponent(sizes, times, () => random.uniform());
      expect(low).toBeLessThanOrEqual(value);
      expect(value).toBeLessThanOrEqual(high);
      if (low <= 1.3 && 1.3 <= high) inside++;
    }
    expect(inside).toBeGreaterThan(85);
  });
});

describe("fixedPart()", () => {
  it(`is the constant beside a multiple of the count (seed ${seed})`, () => {
    const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });
    fc.assert(
      fc.property(number(0, 5), number(0.001, 3), (fixed, slope) => {
        const times = sizes.map((size) => fixed + slope * size);
        expect(fixedPart(sizes, times) / times[0]!).toBeCloseTo(fixed / times[0]!, 7);
      }),
      { seed },
    );
  });
  it("refuses counts that do not differ and times that are not positive", () => {
    expect(() => fixedPart([3, 3], [1, 2])).toThrow(RangeError);
    expect(() => fixedPart([1, 2], [0, 2])).toThrow(RangeError);
  });
});
