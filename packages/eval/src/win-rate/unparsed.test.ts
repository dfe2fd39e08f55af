// What a judge says that cannot be read: counted, and no vote; against the rule that takes it for a tie.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readVerdict, type VerdictForm } from "../judges/endpoint/verdicts/form.ts";
import type { Verdict } from "../judges/judge.ts";
import { winRateOf } from "./win-rate.ts";

const seed = 20261206;
const options = { seed, resamples: 9 };
const forms: readonly VerdictForm[] = [
  { kind: "letters" },
  { kind: "two-scores", least: 1, most: 10 },
  { kind: "one-token", names: ["m", "M"], topLogprobs: 5 },
];
/** Words without digits, brackets and the names of answers: no form finds a verdict in them. */
const unreadable = fc.stringMatching(/^[d-l ,.!]{0,40}$/);
const completion = (text: string) => ({ text, finishReason: null, topLogprobs: null, usage: null });
const decided: fc.Arbitrary<Verdict> = fc
  .constantFrom("first" as const, "second" as const, "tie" as const)
  .map((winner) => ({ winner, raw: null }));

/**
 * @section Experiments
 * @claim Win rates of a judge, as public code of this method counts them.
 * @verdict biased towards a half
 * @statement A parser that takes what it cannot read for a tie moves a win rate w among n readable verdicts to
 * (n·w + u/2)/(n + u) with u unreadable ones, by u/(n + u)·(½ − w): a judge that answers off form makes every method even, and
 * nothing tells of it. Here such a verdict is `unparsed`: no vote and no tie, counted beside the rate; a grade that is not
 * found is null and in no mean.
 */
describe("what a judge says that cannot be read is counted, and is no tie", () => {
  it(`texts without a verdict are unparsed in every form (seed ${seed})`, () => {
    fc.assert(
      fc.property(unreadable, fc.constantFrom(...forms), (text, form) => {
        expect(readVerdict(form, completion(text)).winner).toBe("unparsed");
      }),
      { seed },
    );
    expect(readVerdict(forms[0]!, completion("[[C]]")).winner).toBe("tie");
  });

  it(`they leave the rate where it is, which the lossy rule moves towards a half (seed ${seed})`, () => {
    fc.assert(
      fc.property(
        fc.array(decided, { minLength: 1, maxLength: 31 }),
        fc.array(unreadable, { minLength: 1, maxLength: 31 }),
        (verdicts, texts) => {
          const lost = texts.map((text) => readVerdict(forms[0]!, completion(text)));
          const rate = winRateOf(verdicts, options).winRate!;
          const honest = winRateOf([...verdicts, ...lost], options);
          expect([honest.winRate, honest.unparsed, honest.ties]).toEqual([
            rate,
            texts.length,
            verdicts.filter(({ winner }) => winner === "tie").length,
          ]);
          const lossy = lost.map((each): Verdict => ({ ...each, winner: "tie" }));
          const moved = winRateOf([...verdicts, ...lossy], options).winRate!;
          const share = texts.length / (verdicts.length + texts.length);
          expect(moved - rate).toBeCloseTo(share * (0.5 - rate), 12);
          expect(Math.abs(moved - 0.5)).toBeLessThanOrEqual(Math.abs(rate - 0.5) + 1e-12);
        },
      ),
      { seed },
    );
  });
});
