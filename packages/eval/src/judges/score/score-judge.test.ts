// Judges of scores: the contract's laws, ties, and scorers that break their word.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judgeLaws } from "../../testing/index.ts";
import type { Exchange } from "../judge.ts";
import { createScoreJudge } from "./score-judge.ts";

const lengthOf = async (exchanges: readonly Exchange[]) => exchanges.map(({ answer }) => answer.length);

judgeLaws("a judge of lengths", () => createScoreJudge({ name: "longer", score: lengthOf }), { isSymmetric: true });
judgeLaws(
  "a judge of lengths, three apart, in small batches",
  () => createScoreJudge({ name: "longer", score: lengthOf, epsilon: 3, batchSize: 3 }),
  { isSymmetric: true },
);

const score = fc.oneof(fc.double({ noNaN: true }), fc.constantFrom(0, -0, 1, Infinity, -Infinity));
const comparison = { conversation: [{ role: "human" as const, content: "?" }], first: "a", second: "b" };

describe("createScoreJudge()", () => {
  it("prefers the higher score, and neither within epsilon", () =>
    fc.assert(
      fc.asyncProperty(score, score, fc.double({ min: 0, max: 10, noNaN: true }), async (a, b, epsilon) => {
        const judge = createScoreJudge({ name: "given", score: async () => [a, b], epsilon });
        const [verdict] = await judge.prefer([comparison]);
        const isTie = a === b || Math.abs(a - b) <= epsilon;
        expect(verdict).toEqual({ winner: isTie ? "tie" : a > b ? "first" : "second", raw: null, scores: [a, b] });
      }),
      { seed: 11, numRuns: 200 },
    ));

  it("gives its scorer no more than a batch at once, and every exchange once", () =>
    fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 7 }), fc.nat(23), async (batchSize, count) => {
        const seen: string[] = [];
        const judge = createScoreJudge({
          name: "given",
          batchSize,
          score: async (exchanges) => {
            expect(exchanges.length).toBeLessThanOrEqual(Math.max(2, batchSize));
            seen.push(...exchanges.map(({ answer }) => answer));
            return lengthOf(exchanges);
          },
        });
        const numbered = Array.from({ length: count }, (_, n) => ({ ...comparison, first: `${n}a`, second: `${n}b` }));
        await judge.prefer(numbered);
        expect(seen).toEqual(numbered.flatMap(({ first, second }) => [first, second]));
      }),
      { seed: 12, numRuns: 50 },
    ));

  it("refuses scores that are none, or not one each", async () => {
    const judge = (...scores: number[]) => createScoreJudge({ name: "broken", score: async () => scores });
    await expect(judge(1, Number.NaN).prefer([comparison])).rejects.toMatchObject({ fault: "bad-score", index: 1 });
    await expect(judge(1).prefer([comparison])).rejects.toThrow(
      "Cannot judge by broken: its scorer gave 1 scores of 2 answers; it must give one of each",
    );
    await expect(judge(1, 2, 3).prefer([comparison])).rejects.toMatchObject({ fault: "bad-score" });
    expect(() => createScoreJudge({ name: "broken", score: lengthOf, epsilon: Number.NaN })).toThrow(/epsilon is NaN/);
    expect(() => createScoreJudge({ name: "broken", score: lengthOf, batchSize: 0 })).toThrow(/batchSize is 0/);
  });
});
