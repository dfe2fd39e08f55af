// Seeded streams: pinned values, moments, permutations.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRandom } from "./random.ts";

describe("createRandom()", () => {
  it("repeats for a seed and label, and differs between labels", () => {
    const draw = (seed: number, label?: string) => {
      const random = createRandom(seed, label);
      return Array.from({ length: 8 }, () => random.uint32());
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1, "head")).not.toEqual(draw(1, "gate"));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it("has the moments of its distributions", () => {
    const random = createRandom(3);
    const uniform = Array.from({ length: 20_000 }, () => random.uniform());
    const normal = Array.from({ length: 20_000 }, () => random.normal());
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(uniform)).toBeCloseTo(0.5, 1.8);
    expect(mean(normal)).toBeCloseTo(0, 1.5);
    expect(mean(normal.map((value) => value * value))).toBeCloseTo(1, 1.2);
  });

  it("permutes without loss", () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat({ max: 50 }), (seed, length) => {
        expect([...createRandom(seed).permutation(length)].sort((a, b) => a - b)).toEqual(
          Array.from({ length }, (_, index) => index),
        );
      }),
      { seed: 9, numRuns: 50 },
    );
  });
});
