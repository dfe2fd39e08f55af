// Tests of the random stream: fixed values, range, evenness, independence of near seeds.
import { describe, expect, it } from "vitest";
import { createRandom } from "./random.ts";

const take = (seed: number, count: number): number[] => {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => random.uniform());
};

describe("createRandom()", () => {
  it("gives the same stream for the same seed, on every engine", () => {
    expect(take(7, 3)).toEqual(take(7, 3));
    expect(take(0, 2)).toEqual([0.41675133265905573, 0.5870561741002205]);
    expect(take(2 ** 53 - 1, 2)).toEqual([0.17781456301547827, 0.27680881740403573]);
  });

  it("gives unrelated streams for near seeds and for seeds equal in their low 32 bits", () => {
    const firsts = [0, 1, 2, 2 ** 32, 2 ** 32 + 1].map((seed) => take(seed, 1)[0]);
    expect(new Set(firsts).size).toBe(5);
  });

  it("is even over [0, 1)", () => {
    const counts = new Array<number>(10).fill(0);
    for (const value of take(3, 20_000)) counts[Math.floor(value * 10)]!++;
    const chiSquare = counts.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0);
    // The 99.9th percentile at 9 degrees of freedom.
    expect(chiSquare).toBeLessThan(27.9);
  });

  it("throws on a seed that is no integer in range", () => {
    for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) expect(() => createRandom(seed)).toThrow(RangeError);
  });
});
