// Both orders and drawn sides: what is turned is turned back, and a judge's favourite side shows or goes.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { comparisonArbitrary, judgeLaws } from "../../testing/index.ts";
import type { Comparison, Judge, Verdict } from "../judge.ts";
import { createScoreJudge } from "../score/score-judge.ts";
import { exchangeSides, exchangeVerdict, preferBothOrders, withRandomSides } from "./swap.ts";

const longer = createScoreJudge({
  name: "longer",
  score: async (exchanges) => exchanges.map(({ answer }) => answer.length),
});
const alwaysFirst: Judge = {
  name: "always first",
  prefer: async (comparisons, { onSaid } = {}) =>
    comparisons.map((_, index) => {
      const said: Verdict = { winner: "first", raw: "A", preference: 1.25 };
      onSaid?.(index, said);
      return said;
    }),
};

judgeLaws("lengths from drawn sides", () => withRandomSides(longer, 5), { isSymmetric: true });

const verdicts = fc.oneof(
  fc.record({ winner: fc.constantFrom("tie" as const, "unparsed" as const), raw: fc.option(fc.string()) }),
  fc.record({
    winner: fc.constantFrom("first" as const, "second" as const),
    raw: fc.option(fc.string()),
    // Halves of eighths, so that 3 − p is exact.
    preference: fc.integer({ min: 8, max: 16 }).map((eighths) => eighths / 8),
    scores: fc.tuple(fc.double({ noNaN: true }), fc.double({ noNaN: true })),
  }),
);
const conversations = fc.option(
  comparisonArbitrary.map(({ conversation }) => conversation),
  { nil: undefined },
);
const twoSided = fc.tuple(comparisonArbitrary, conversations).map(([comparison, secondConversation]) => ({
  ...comparison,
  ...(secondConversation === undefined ? {} : { secondConversation }),
}));

describe("exchangeSides() and exchangeVerdict()", () => {
  it("undo themselves", () =>
    fc.assert(
      fc.property(twoSided, verdicts, (comparison: Comparison, verdict) => {
        expect(exchangeSides(exchangeSides(comparison))).toEqual(comparison);
        expect(exchangeVerdict(exchangeVerdict(verdict))).toEqual(verdict);
      }),
      { seed: 21, numRuns: 200 },
    ));

  it("move each conversation with its answer", () => {
    const [a, b] = ["a", "b"].map((content) => [{ role: "human" as const, content }]);
    const comparison = { conversation: a!, first: "1", second: "2", secondConversation: b!, references: ["r"] };
    expect(exchangeSides(comparison)).toEqual({
      conversation: b,
      first: "2",
      second: "1",
      secondConversation: a,
      references: ["r"],
    });
  });
});

describe("preferBothOrders()", () => {
  it("agrees with itself where the judge has no favourite side, and contradicts itself where it has", () =>
    fc.assert(
      fc.asyncProperty(fc.array(comparisonArbitrary, { maxLength: 5 }), async (comparisons) => {
        const told = new Map<number, unknown>();
        const fair = await preferBothOrders(longer, comparisons, {
          onSaid: (index, both) => void told.set(index, both),
        });
        expect(fair.map(({ given }) => given)).toEqual(await longer.prefer(comparisons));
        for (const { given, exchanged } of fair) expect(exchanged).toEqual(given);
        expect(comparisons.map((_, index) => told.get(index))).toEqual(fair);
        for (const { given, exchanged } of await preferBothOrders(alwaysFirst, comparisons)) {
          expect(given).toEqual({ winner: "first", raw: "A", preference: 1.25 });
          expect(exchanged).toEqual({ winner: "second", raw: "A", preference: 1.75 });
        }
      }),
      { seed: 22, numRuns: 50 },
    ));
});

describe("withRandomSides()", () => {
  const many = Array.from({ length: 400 }, (_, n) => ({
    conversation: [{ role: "human" as const, content: `question ${n}` }],
    first: "a",
    second: "b",
  }));

  it("shows about half of the comparisons each way, the same ones for a seed in whatever order", async () => {
    const winners = async (seed: number, comparisons: readonly Comparison[]) =>
      (await withRandomSides(alwaysFirst, seed).prefer(comparisons)).map(({ winner }) => winner);
    const once = await winners(3, many);
    // Five standard deviations of 400 fair coins.
    expect(Math.abs(once.filter((winner) => winner === "first").length - 200)).toBeLessThan(50);
    expect(await winners(3, many.toReversed())).toEqual(once.toReversed());
    expect(await winners(4, many)).not.toEqual(once);
  });
});
