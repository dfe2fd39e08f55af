// Divisors of frequencies and the rules they were made by: the published ones to the last number, and any other exactly.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ropeFrequencies } from "./rope.ts";
import { ropeDivisors, ropeScalingOfDivisors } from "./rope-divisors.ts";
import { type RopeScaling, ropeScalingFrom } from "./rope-scaling.ts";

type Llama3 = Extract<RopeScaling, { readonly type: "llama3" }>;

const llama3 = (factor: number, originalMaxTokens: number, low = 1, high = 4): Llama3 => ({
  ...{ type: "llama3", factor, originalMaxTokens },
  ...{ lowFrequencyFactor: low, highFrequencyFactor: high },
});
/** As files hold them. */
const stored = (config: Parameters<typeof ropeDivisors>[0]) => [...Float32Array.from(ropeDivisors(config))];

describe("ropeScalingOfDivisors()", () => {
  it("finds the rules of LLaMA 3.1 to 3.3 again, written in f32 as well", () => {
    for (const [headSize, factor] of [
      [128, 8],
      [64, 32],
      [128, 32],
    ] as const) {
      const config = { headSize, ropeTheta: 500_000, ropeScaling: llama3(factor, 8192) };
      const expected = {
        ...{ rope_type: "llama3", factor, low_freq_factor: 1, high_freq_factor: 4 },
        original_max_position_embeddings: 8192,
      };
      expect(ropeScalingOfDivisors(stored(config), config, 131_072)).toEqual(expected);
      // The usual converter rounds every step to f32.
      const rounded = Array.from({ length: headSize / 2 }, (_, pair) => {
        const frequency = Math.fround(1 / Math.fround(Math.fround(500_000) ** Math.fround((2 * pair) / headSize)));
        const wavelength = (2 * Math.PI) / frequency;
        const smooth = (8192 / wavelength - 1) / 3;
        if (wavelength < 8192 / 4) return 1;
        return Math.fround(wavelength > 8192 ? factor : 1 / ((1 - smooth) / factor + smooth));
      });
      expect(ropeScalingOfDivisors(rounded, config, 131_072)).toEqual(expected);
    }
  });

  it("gives what divides by the same, whatever the divisors (seed 61)", () => {
    const any = fc.array(fc.double({ min: 0.5, max: 50, noNaN: true }), { minLength: 4, maxLength: 4 });
    const made = fc
      .record({
        factor: fc.constantFrom(2, 8, 32, 3.7),
        original: fc.integer({ min: 16, max: 40_000 }),
        low: fc.constantFrom(1, 2),
        high: fc.constantFrom(4, 8),
      })
      .map(({ factor, original, low, high }) => [
        ...ropeDivisors({ ...config, ropeScaling: llama3(factor, original, low, high) }),
      ]);
    const config = { headSize: 8, ropeTheta: 10_000 };
    fc.assert(
      fc.property(fc.oneof(any, made), (values) => {
        const divisors = [...Float32Array.from(values)];
        const json = ropeScalingOfDivisors(divisors, config, 4096);
        const scaling = scalingOf(json);
        const found = ropeFrequencies({ ...config, ropeScaling: scaling });
        const plain = ropeFrequencies(config);
        for (const [pair, divisor] of divisors.entries()) {
          expect(Math.abs((found[pair]! * divisor) / plain[pair]! - 1)).toBeLessThan(4e-6);
        }
      }),
      { seed: 61, numRuns: 400 },
    );
  });

  it("says linear, and nothing, where that is all", () => {
    const config = { headSize: 8, ropeTheta: 10_000 };
    expect(ropeScalingOfDivisors([1, 1, 1, 1], config, 64)).toBeNull();
    expect(ropeScalingOfDivisors([4, 4, 4, 4], config, 64)).toEqual({ rope_type: "linear", factor: 4 });
  });
});

function scalingOf(json: Readonly<Record<string, unknown>> | null): RopeScaling | null {
  return json === null ? null : ropeScalingFrom(json, context, (requirement) => expect.fail(requirement));
}

const context = { maxTokens: 4096, originalMaxTokens: null, pairCount: 4, longRopeNames: [] };
