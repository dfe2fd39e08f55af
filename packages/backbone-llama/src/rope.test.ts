// Rules of rotary scaling against the published formulas, written apart in scalar-families.ts, and what each promises.
import { createTokenBatch, TokenError } from "@dual-head/backbone";
import { segmentsOf } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { llamaConfigFrom } from "./config.ts";
import { ropeFrequencies, ropeRotation } from "./rope.ts";
import type { RopeScaling } from "./rope-scaling.ts";
import { turnsOf } from "./testing/scalar-families.ts";
import { tinyLlama } from "./testing/tiny-llama.ts";

const minimal = {
  hidden_size: 24,
  intermediate_size: 17,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  vocab_size: 23,
};
const factor = fc.double({ min: 1, max: 64, noNaN: true });
const original = fc.integer({ min: 2, max: 8192 });
const sizes = { headSize: fc.constantFrom(2, 8, 64, 128), theta: fc.constantFrom(500, 10_000, 1e6) };
const divisors = fc.array(factor, { minLength: 64, maxLength: 64 });

const rules: Readonly<Record<string, fc.Arbitrary<Record<string, unknown>>>> = {
  linear: fc.record({ type: fc.constant("linear"), factor }),
  llama3: fc.record({
    rope_type: fc.constant("llama3"),
    factor,
    low_freq_factor: fc.double({ min: 0.5, max: 2, noNaN: true }),
    high_freq_factor: fc.double({ min: 2.5, max: 9, noNaN: true }),
    original_max_position_embeddings: original,
  }),
  yarn: fc.record(
    {
      rope_type: fc.constant("yarn"),
      factor,
      original_max_position_embeddings: original,
      beta_fast: fc.integer({ min: 8, max: 40 }),
      beta_slow: fc.integer({ min: 1, max: 8 }),
      attention_factor: factor,
    },
    { requiredKeys: ["rope_type", "factor"] },
  ),
  longrope: fc.record({ type: fc.constant("su"), short_factor: divisors, long_factor: divisors }),
};

describe("ropeRotation() agrees with the published formula (seed 9)", () => {
  for (const [name, arbitrary] of Object.entries(rules)) {
    it(name, () => {
      fc.assert(
        fc.property(fc.record({ ...sizes, rule: arbitrary }), ({ headSize, theta, rule }) => {
          const cut = (key: string) => (key in rule ? { [key]: (rule[key] as number[]).slice(0, headSize / 2) } : {});
          const config = {
            model_type: name === "longrope" ? "phi3" : "llama",
            ...minimal,
            head_dim: headSize,
            rope_theta: theta,
            max_position_embeddings: 16384,
            rope_scaling: { ...rule, ...cut("short_factor"), ...cut("long_factor") },
          };
          const expected = turnsOf(config, headSize, 12);
          const rotation = ropeRotation(
            llamaConfigFrom(config),
            Uint32Array.from({ length: 12 }, (_, at) => at),
          );
          for (const [position, turn] of expected.entries()) {
            for (const [pair, [cosine, sine]] of turn.entries()) {
              const at = position * headSize + pair;
              expect(Math.abs(rotation[at]! - cosine)).toBeLessThan(1e-11 * 64);
              expect(Math.abs(rotation[at + headSize / 2]! - sine)).toBeLessThan(1e-11 * 64);
            }
          }
        }),
        { seed: 9, numRuns: 60 },
      );
    });
  }
});

describe("ropeFrequencies()", () => {
  const base = { headSize: 64, ropeTheta: 10_000 };
  const scalings = fc.oneof(
    fc.record({
      type: fc.constant("llama3" as const),
      factor,
      lowFrequencyFactor: fc.constant(1),
      highFrequencyFactor: fc.constant(4),
      originalMaxTokens: original,
    }),
    fc.record({
      type: fc.constant("yarn" as const),
      factor,
      originalMaxTokens: fc.integer({ min: 512, max: 8192 }),
      betaFast: fc.constant(32),
      betaSlow: fc.constant(1),
      truncate: fc.boolean(),
      attentionFactor: fc.constant(1),
    }),
  );

  it("lies between unscaled and stretched, falls from pair to pair, and keeps the fastest (seed 3)", () => {
    fc.assert(
      fc.property(scalings, (ropeScaling: RopeScaling & { readonly factor: number }) => {
        const [plain, scaled] = [ropeFrequencies(base), ropeFrequencies({ ...base, ropeScaling })];
        for (const [pair, frequency] of scaled.entries()) {
          expect(frequency).toBeLessThanOrEqual(plain[pair]! * (1 + 1e-12));
          expect(frequency).toBeGreaterThanOrEqual((plain[pair]! / ropeScaling.factor) * (1 - 1e-12));
          if (pair > 0) expect(frequency).toBeLessThan(scaled[pair - 1]!);
        }
      }),
      { seed: 3 },
    );
  });

  it("is unscaled for a factor of 1, whatever the rule", () => {
    const plain = ropeFrequencies(base);
    const ones = new Array<number>(32).fill(1);
    for (const ropeScaling of [
      { type: "linear", factor: 1 },
      { type: "dynamic", factor: 8, originalMaxTokens: 9 },
      { type: "llama3", factor: 1, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalMaxTokens: 99 },
      { type: "yarn", factor: 1, originalMaxTokens: 99, betaFast: 32, betaSlow: 1, truncate: true, attentionFactor: 1 },
      {
        type: "longrope",
        shortFactors: ones,
        longFactors: ones.map((each) => 2 * each),
        originalMaxTokens: 9,
        extendedMaxTokens: 99,
        attentionFactor: 1,
      },
    ] satisfies RopeScaling[]) {
      const scaled = ropeFrequencies({ ...base, ropeScaling });
      for (const [pair, frequency] of plain.entries()) expect(scaled[pair]!).toBeCloseTo(frequency, 14);
    }
  });

  it("stretches the slow pairs of LLaMA 3.1 eightfold and leaves the fast ones", () => {
    const ropeScaling = {
      type: "llama3",
      factor: 8,
      lowFrequencyFactor: 1,
      highFrequencyFactor: 4,
      originalMaxTokens: 8192,
    } as const;
    const config = { headSize: 128, ropeTheta: 500_000 };
    const [plain, scaled] = [ropeFrequencies(config), ropeFrequencies({ ...config, ropeScaling })];
    expect(scaled[0]).toBe(1);
    expect(scaled[28]).toBe(plain[28]);
    expect(scaled[29]).toBeLessThan(plain[29]!);
    expect(scaled[34]! * 8).toBeGreaterThan(plain[34]!);
    expect(scaled[35]! * 8).toBeCloseTo(plain[35]!, 18);
    expect(scaled[63]! * 8).toBeCloseTo(plain[63]!, 18);
  });
});

describe("rules that change with the sequence's length", () => {
  it("hold up to the original length, and refuse the token that would turn cached keys anew", async () => {
    const device = await sharedDevice("reference");
    const ropeScaling = { type: "dynamic", factor: 2, originalMaxTokens: 4 } as const;
    using model = tinyLlama(device, 3, { ropeScaling, maxTokens: 4 });
    const { backbone, params } = model;
    const { liveBuffers } = device.stats;
    using cache = backbone.createCache(device, { slotCount: 1, capacity: 4 });
    const slot = cache.open();
    const feed = (tokens: readonly number[]) =>
      backbone.extend(
        params,
        createTokenBatch([{ slot, tokens }], (each) => cache.length(each)),
        cache,
      );
    feed([1, 2, 3, 4]).dispose();
    const late = () => feed([5]);
    expect(late).toThrow(TokenError);
    expect(late).toThrow(
      "position 4 is not below the 4 positions of this model: past them its rope_scaling of type dynamic",
    );
    expect(cache.length(slot)).toBe(4);
    const whole = () => backbone.hidden(params, Uint32Array.of(1, 2, 3, 4, 5), segmentsOf([5]));
    expect(whole).toThrow("row 4");
    cache[Symbol.dispose]();
    expect(device.stats.liveBuffers).toBe(liveBuffers);
  });
});
