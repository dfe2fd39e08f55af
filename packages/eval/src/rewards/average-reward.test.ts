// The average reward: invariances and what is refused.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { averageReward } from "./average-reward.ts";

const options = { seed: 20261128, resamples: 99 };

describe("averageReward()", () => {
  it("does not know the order of prompts, and moves with the rewards", () => {
    const rewards = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 2, maxLength: 17 });
    fc.assert(
      fc.property(rewards, fc.integer({ min: -9, max: 9 }), (given, shift) => {
        const one = averageReward(given, options);
        const moved = averageReward(
          given.toReversed().map((each) => each + shift),
          options,
        );
        expect(moved.mean).toBeCloseTo(one.mean + shift, 9);
        expect(moved.high).toBeCloseTo(one.high + shift, 9);
        expect(moved.deviation).toBeCloseTo(one.deviation!, 9);
        expect(one.bootstrap.low).toBeGreaterThanOrEqual(Math.min(...given));
        expect(one.bootstrap.low).toBeLessThanOrEqual(one.mean + 1e-9);
      }),
      { seed: options.seed },
    );
  });

  it("has no deviation of one prompt, and refuses infinities", () => {
    expect(averageReward([3], options)).toMatchObject({ count: 1, mean: 3, deviation: null });
    expect(() => averageReward([1, Infinity], options)).toThrow(/value 1 is Infinity; every value must be a finite/);
  });
});
