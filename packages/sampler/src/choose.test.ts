// Choosing from candidates equals choosing from all logits, whatever the settings, ties and excluded tokens.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ChoiceSettings, createChooser } from "./choose.ts";
import { argmax, candidatesOf, logProbability, sampleToken } from "./distribution.ts";
import type { Step } from "./policy.ts";
import { createRandom } from "./random.ts";
import { warpLogits } from "./warps/warp.ts";

const logit = fc.oneof(
  fc.integer({ min: -4, max: 4 }),
  fc.double({ min: -9, max: 9, noNaN: true }),
  fc.constant(-Infinity),
);
const rows = fc
  .array(fc.tuple(fc.array(logit, { maxLength: 40 }), fc.integer({ min: -4, max: 4 })), { minLength: 1, maxLength: 6 })
  .map((all) => all.map(([rest, sure]) => Float64Array.from([...rest, sure])));
const settings: fc.Arbitrary<ChoiceSettings> = fc.record(
  {
    temperature: fc.constantFrom(0, 0.7, 1, 2),
    topK: fc.constantFrom(0, 1, 3, 40, 300),
    topP: fc.constantFrom(0.3, 0.9, 1),
    minP: fc.constantFrom(0, 0.1),
    repetitionPenalty: fc.constantFrom(1, 1.3),
    logitBias: fc.constantFrom(new Map(), new Map([[0, 1.5]])),
    seed: fc.nat(),
  },
  { requiredKeys: ["seed"] },
);

/** A step over given logits that tells which way it was read. */
function stepOf(logits: Float64Array): Step & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    alpha: null,
    async logits() {
      asked.push("logits");
      return logits;
    },
    async candidates(count) {
      asked.push(`candidates ${count}`);
      return candidatesOf(logits, count);
    },
  };
}

describe("createChooser()", () => {
  it("chooses what all logits give, draw after draw (seed 77)", async () => {
    await fc.assert(
      fc.asyncProperty(rows, settings, fc.boolean(), async (all, each, bans) => {
        const choose = createChooser(each);
        const random = createRandom(each.seed!);
        for (const logits of all) {
          const last = logits.length - 1;
          const banned = new Set(bans && [...logits].some((z, id) => z > -Infinity && id !== last) ? [last] : []);
          const seen = new Set([0]);
          const warped = warpLogits(logits, each, seen, banned);
          const token = each.temperature === 0 ? argmax(warped) : sampleToken(warped, random);
          const found = await choose(stepOf(logits), seen, banned);
          expect(found.token).toBe(token);
          expect(found.logp).toBeCloseTo(logProbability(logits, token), 12);
        }
      }),
      { seed: 77, numRuns: 400 },
    );
  });

  it("asks for candidates where they decide, and for all logits where any token may win", async () => {
    const asked = async (each: ChoiceSettings, banned: number[] = []) => {
      const step = stepOf(Float64Array.of(1, 2, 3));
      await createChooser(each)(step, new Set(), new Set(banned));
      return step.asked;
    };
    expect(await asked({ temperature: 0 })).toEqual(["candidates 1"]);
    expect(await asked({ topK: 40, topP: 0.9 })).toEqual(["candidates 40"]);
    for (const each of [{}, { topP: 0.9 }, { topK: 257 }, { topK: 40, repetitionPenalty: 1.1 }]) {
      expect(await asked(each)).toEqual(["logits"]);
    }
    expect(await asked({ temperature: 0, logitBias: new Map([[0, 9]]) })).toEqual(["logits"]);
    expect(await asked({ temperature: 0 }, [2])).toEqual(["logits"]);
  });
});
