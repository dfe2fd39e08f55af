// Every warp against a naive reference written from its definition: full sorts, probabilities, loops.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addLogitBias } from "./logit-bias.ts";
import { keepMinP } from "./min-p.ts";
import { rankTokens } from "./ranking.ts";
import { penalizeRepetition } from "./repetition-penalty.ts";
import { scaleByTemperature } from "./temperature.ts";
import { keepTopK } from "./top-k.ts";
import { keepTopP } from "./top-p.ts";
import { type WarpSettings, warpLogits } from "./warp.ts";

// Few distinct values, so that ties are common; some tokens are excluded from the start.
const logit = fc.oneof(
  fc.integer({ min: -4, max: 4 }),
  fc.double({ min: -9, max: 9, noNaN: true }),
  fc.constant(-Infinity),
);
const logits = fc
  .tuple(fc.array(logit, { maxLength: 22 }), fc.integer({ min: -4, max: 4 }))
  .map(([rest, sure]) => Float64Array.from([...rest, sure]));
const parameters = { seed: 31, numRuns: 300 };

/** Finite ids in falling order of logit, the lower id first. */
function sorted(values: Float64Array): number[] {
  return [...values.keys()].filter((id) => values[id]! > -Infinity).sort((a, b) => values[b]! - values[a]! || a - b);
}

function softmax(values: Float64Array): number[] {
  const max = Math.max(...values);
  const total = values.reduce((sum, value) => sum + Math.exp(value - max), 0);
  return [...values].map((value) => Math.exp(value - max) / total);
}

function only(values: Float64Array, ids: readonly number[]): number[] {
  return [...values].map((value, id) => (ids.includes(id) ? value : -Infinity));
}

describe("rankTokens()", () => {
  it("equals a stable full sort", () => {
    fc.assert(
      fc.property(logits, (values) => {
        expect([...rankTokens(values)]).toEqual(sorted(values));
      }),
      parameters,
    );
  });
});

describe("keepTopK()", () => {
  it("equals the first k of a full sort", () => {
    fc.assert(
      fc.property(logits, fc.integer({ min: 1, max: 25 }), (values, k) => {
        expect([...keepTopK(values, k)]).toEqual(only(values, sorted(values).slice(0, k)));
      }),
      parameters,
    );
  });
});

describe("keepTopP()", () => {
  it("keeps the smallest set of most likely tokens with mass p, at least one", () => {
    fc.assert(
      fc.property(logits, fc.double({ min: 0.001, max: 1, noNaN: true }), (values, p) => {
        const probabilities = softmax(values);
        const order = sorted(values);
        const kept = keepTopP(values, p);
        const count = [...kept].filter((value) => value > -Infinity).length;
        expect([...kept]).toEqual(only(values, order.slice(0, count)));
        const mass = (size: number) => order.slice(0, size).reduce((sum, id) => sum + probabilities[id]!, 0);
        expect(count).toBeGreaterThanOrEqual(1);
        expect(mass(count)).toBeGreaterThanOrEqual(p - 1e-12);
        if (count > 1) expect(mass(count - 1)).toBeLessThan(p + 1e-12);
      }),
      parameters,
    );
  });

  it("excludes nothing at 1", () => {
    const values = Float64Array.of(50, -50, 0);
    expect(keepTopP(values, 1)).toEqual(values);
  });
});

describe("keepMinP()", () => {
  it("keeps what has at least minP of the largest probability", () => {
    fc.assert(
      fc.property(logits, fc.double({ min: 0, max: 1, noNaN: true }), (values, minP) => {
        const probabilities = softmax(values);
        const max = Math.max(...probabilities);
        const kept = keepMinP(values, minP);
        for (const [id, value] of values.entries()) {
          // Where rounding may decide either way, both are right.
          if (Math.abs(probabilities[id]! - minP * max) < 1e-12) continue;
          expect(kept[id]).toBe(probabilities[id]! < minP * max ? -Infinity : value);
        }
        expect(Math.max(...kept)).toBe(Math.max(...values));
      }),
      parameters,
    );
  });

  it("keeps all the most likely tokens at 1", () => {
    expect([...keepMinP(Float64Array.of(2, 1, 2), 1)]).toEqual([2, -Infinity, 2]);
  });
});

describe("penalizeRepetition()", () => {
  it("divides positive and multiplies negative logits of tokens seen, once each", () => {
    expect([...penalizeRepetition(Float64Array.of(2, -2, 2, 0, -Infinity), 2, new Set([0, 1, 3, 4]))]).toEqual([
      1,
      -4,
      2,
      0,
      -Infinity,
    ]);
  });
});

describe("scaleByTemperature() and addLogitBias()", () => {
  it("divide and add", () => {
    expect([...scaleByTemperature(Float64Array.of(1, -3), 2)]).toEqual([0.5, -1.5]);
    const bias = new Map([
      [0, 2],
      [2, -Infinity],
    ]);
    expect([...addLogitBias(Float64Array.of(1, 2, 3), bias)]).toEqual([3, 2, -Infinity]);
  });
});

describe("warpLogits()", () => {
  const settings: fc.Arbitrary<WarpSettings> = fc.record(
    {
      temperature: fc.constantFrom(0, 0.5, 1, 3),
      topK: fc.integer({ min: 0, max: 9 }),
      topP: fc.constantFrom(0.3, 0.9, 1),
      minP: fc.constantFrom(0, 0.1),
      repetitionPenalty: fc.constantFrom(1, 1.3),
      logitBias: fc.constantFrom(new Map(), new Map([[0, 1.5]])),
    },
    { requiredKeys: [] },
  );

  it("equals the warps in the order of the table, and leaves its input alone", () => {
    fc.assert(
      fc.property(logits, settings, (values, each) => {
        const before = values.slice();
        const seen = new Set([values.length - 1]);
        let expected = addLogitBias(values, each.logitBias ?? new Map());
        expected = penalizeRepetition(expected, each.repetitionPenalty ?? 1, seen);
        if (each.temperature !== 0) {
          expected = scaleByTemperature(expected, each.temperature ?? 1);
          expected = keepTopK(expected, each.topK || values.length);
          expected = keepTopP(expected, each.topP ?? 1);
          expected = keepMinP(expected, each.minP ?? 0);
        }
        expect(warpLogits(values, each, seen)).toEqual(expected);
        expect(values).toEqual(before);
      }),
      parameters,
    );
  });

  it("excludes banned tokens after the bias", () => {
    const bias = new Map([[1, 100]]);
    expect([...warpLogits(Float32Array.of(1, 2, 3), { temperature: 0, logitBias: bias }, new Set(), [1])]).toEqual([
      1,
      -Infinity,
      3,
    ]);
  });
});
