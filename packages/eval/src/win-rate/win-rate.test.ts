// Win rates: what counts and what does not, symmetry of sides and orders.

import { wilsonInterval } from "@dual-head/train";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Verdict } from "../judges/judge.ts";
import { type BothVerdicts, exchangeVerdict } from "../judges/swap/swap.ts";
import { preferenceFor } from "./outcome.ts";
import { countOutcomes, winRateOf, winRateOfBoth } from "./win-rate.ts";

const seed = 20261127;
const options = { seed, resamples: 99 };
const verdict: fc.Arbitrary<Verdict> = fc.record({
  winner: fc.constantFrom("first" as const, "second" as const, "tie" as const, "unparsed" as const),
  raw: fc.constant(null),
});
const verdicts = fc.array(verdict, { minLength: 1, maxLength: 23 });
const both: fc.Arbitrary<BothVerdicts> = fc.record({ given: verdict, exchanged: verdict });
const said = (winner: Verdict["winner"]): Verdict => ({ winner, raw: null });

describe("winRateOf()", () => {
  it("is (wins + ½ ties) / n over what was understood, with Wilson's interval", () => {
    fc.assert(
      fc.property(verdicts, (given) => {
        const { count, wins, losses, ties, unparsed, winRate, wilson, bootstrap } = winRateOf(given, options);
        const counted = (winner: string) => given.filter((each) => each.winner === winner).length;
        expect([count, wins, losses, ties, unparsed]).toEqual([
          given.length,
          ...["first", "second", "tie", "unparsed"].map(counted),
        ]);
        const n = given.length - unparsed;
        if (n === 0) {
          expect([winRate, wilson, bootstrap]).toEqual([null, null, null]);
          return;
        }
        expect(winRate).toBeCloseTo((wins + ties / 2) / n, 12);
        const expected = wilsonInterval((wins + ties / 2) / n, n);
        expect(wilson!.low).toBeCloseTo(expected.low, 12);
        expect(wilson!.high).toBeCloseTo(expected.high, 12);
        expect(bootstrap!.low).toBeLessThanOrEqual(winRate! + 1e-12);
        expect(bootstrap!.high).toBeGreaterThanOrEqual(winRate! - 1e-12);
      }),
      { seed },
    );
  });

  it("of both sides sum to 1, and exchanged verdicts are the other side's", () => {
    fc.assert(
      fc.property(verdicts, (given) => {
        const [first, second] = [winRateOf(given, options), winRateOf(given, { ...options, side: "second" })];
        expect([second.wins, second.losses, second.ties]).toEqual([first.losses, first.wins, first.ties]);
        if (first.winRate !== null) expect(first.winRate + second.winRate!).toBeCloseTo(1, 12);
        expect(winRateOf(given.map(exchangeVerdict), options)).toEqual(second);
      }),
      { seed },
    );
  });

  it("does not move with verdicts that were not understood, which are counted", () => {
    fc.assert(
      fc.property(verdicts, fc.integer({ min: 1, max: 9 }), (given, more) => {
        const one = winRateOf(given, options);
        const other = winRateOf([...given, ...Array.from({ length: more }, () => said("unparsed"))], options);
        expect(other).toEqual({ ...one, count: one.count + more, unparsed: one.unparsed + more });
      }),
      { seed },
    );
  });

  it("refuses no verdicts and outcomes that are none", () => {
    expect(() => winRateOf([], options)).toThrow(
      "Cannot compute a win rate: there are no verdicts; judge at least one",
    );
    expect(() => countOutcomes([1, 2], options)).toThrow(/outcome 1 is 2/);
    expect(() => countOutcomes([Number.NaN], options)).toThrow(/outcome 0 is NaN/);
  });
});

describe("winRateOfBoth()", () => {
  it("by agreement takes only what both orders say; by average each is half a vote", () => {
    fc.assert(
      fc.property(fc.array(both, { minLength: 1, maxLength: 23 }), (given) => {
        const agreed = winRateOfBoth(given, options);
        const understood = given.filter(
          (each) => each.given.winner !== "unparsed" && each.exchanged.winner !== "unparsed",
        );
        const agrees = understood.filter((each) => each.given.winner === each.exchanged.winner);
        expect(agreed.unparsed).toBe(given.length - understood.length);
        expect(agreed.disagreements).toBe(understood.length - agrees.length);
        expect(agreed.wins).toBe(agrees.filter((each) => each.given.winner === "first").length);
        expect(agreed.losses).toBe(agrees.filter((each) => each.given.winner === "second").length);
        const averaged = winRateOfBoth(given, { ...options, rule: "average" });
        if (understood.length === 0) return;
        const votes = understood.flatMap((each) => [each.given, each.exchanged]);
        expect(averaged.winRate).toBeCloseTo(winRateOf(votes, options).winRate!, 12);
      }),
      { seed },
    );
  });

  it("of a judge who always takes the first place is even, and says so", () => {
    // Asked as given it chose the first; exchanged, what stood first was the second.
    const biased: BothVerdicts = { given: said("first"), exchanged: said("second") };
    const { winRate, ties, disagreements, sideWins } = winRateOfBoth(
      Array.from({ length: 7 }, () => biased),
      options,
    );
    expect([winRate, ties, disagreements, sideWins]).toEqual([0.5, 7, 7, { first: 7, second: 0 }]);
  });

  it("of the same verdict twice is that of the verdict", () => {
    fc.assert(
      fc.property(verdicts, fc.constantFrom("agreement" as const, "average" as const), (given, rule) => {
        const {
          rule: _,
          disagreements,
          sideWins,
          ...rest
        } = winRateOfBoth(
          given.map((each) => ({ given: each, exchanged: each })),
          { ...options, rule },
        );
        expect(rest).toEqual(winRateOf(given, options));
        expect([disagreements, sideWins]).toEqual([0, { first: 0, second: 0 }]);
      }),
      { seed },
    );
  });
});

describe("preferenceFor()", () => {
  it("is the judge's own where it has one, else by its choice; the two sides' sum to 3", () => {
    const preferring = verdict.chain((each) =>
      fc.option(fc.double({ min: 1, max: 2, noNaN: true }), { nil: undefined }).map((preference) => ({
        ...each,
        ...(preference === undefined || each.winner === "unparsed" ? {} : { preference }),
      })),
    );
    fc.assert(
      fc.property(preferring, (each) => {
        const [first, second] = [preferenceFor(each, "first"), preferenceFor(each, "second")];
        if (each.winner === "unparsed") expect([first, second]).toEqual([null, null]);
        else expect(first! + second!).toBe(3);
        if (each.preference !== undefined) expect(second).toBe(each.preference);
      }),
      { seed },
    );
    expect(["first", "second", "tie"].map((winner) => preferenceFor(said(winner as "first"), "second"))).toEqual([
      1, 2, 1.5,
    ]);
  });
});
