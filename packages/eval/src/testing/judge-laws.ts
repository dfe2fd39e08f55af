// The laws of the Judge contract, to be run by every implementation under vitest. They see a judge from outside only.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Comparison, Exchange, Grade, Judge, JudgeOptions, Verdict } from "../judges/judge.ts";
import { exchangeSides, exchangeVerdict } from "../judges/swap/swap.ts";
import { comparisonArbitrary, exchangeArbitrary } from "./arbitraries.ts";

/** What the laws must know of a judge. */
export interface JudgeLawOptions {
  /** Whether its choice does not depend on the order of the answers; default false. */
  readonly isSymmetric?: boolean | undefined;
  /** What it can judge; any comparison by default. */
  readonly comparisons?: fc.Arbitrary<Comparison> | undefined;
  /** What it can grade, where it grades; any exchange by default. */
  readonly exchanges?: fc.Arbitrary<Exchange> | undefined;
  /** How many lists are drawn for each law; default 20. */
  readonly runs?: number | undefined;
  /** Default 1. */
  readonly seed?: number | undefined;
}

/**
 * Registers the laws of `Judge` as a describe block: a verdict each, in order, the same whether asked alone or among others;
 * `onSaid` told of each once; an aborted signal ends with its reason and nothing said; a throwing listener ends the work;
 * verdicts well formed; and, of a symmetric judge, the mirrored verdict of exchanged answers. The judge must be
 * deterministic.
 *
 * @param name names the block
 * @param createJudge makes a fresh judge for each list
 */
export function judgeLaws(
  name: string,
  createJudge: () => Judge | Promise<Judge>,
  options: JudgeLawOptions = {},
): void {
  const { isSymmetric = false, comparisons = comparisonArbitrary, exchanges = exchangeArbitrary } = options;
  const { runs = 20, seed = 1 } = options;

  async function check<Item>(
    items: fc.Arbitrary<Item>,
    law: (given: readonly Item[], judge: Judge) => Promise<void>,
  ): Promise<void> {
    await fc.assert(
      fc.asyncProperty(fc.array(items, { minLength: 1, maxLength: 5 }), async (given) =>
        law(given, await createJudge()),
      ),
      { seed, numRuns: runs },
    );
  }

  function contract<Item, Said>(
    title: string,
    items: fc.Arbitrary<Item>,
    askerOf: (judge: Judge) => ((given: readonly Item[], o?: JudgeOptions<Said>) => Promise<readonly Said[]>) | null,
    isWellFormed: (said: Said) => void,
  ): void {
    describe(title, () => {
      it("says one thing of each, in order, alone as among others", () =>
        check(items, async (given, judge) => {
          const ask = askerOf(judge);
          if (ask === null) return;
          const all = await ask(given);
          expect(all).toHaveLength(given.length);
          all.forEach(isWellFormed);
          const reversed = await ask(given.toReversed());
          expect(reversed.toReversed()).toEqual(all);
          for (const [index, item] of given.entries()) expect(await ask([item])).toEqual([all[index]]);
        }));

      it("says nothing of nothing", async () => {
        const ask = askerOf(await createJudge());
        if (ask !== null) expect(await ask([])).toEqual([]);
      });

      it("tells its listener of each once", () =>
        check(items, async (given, judge) => {
          const ask = askerOf(judge);
          if (ask === null) return;
          const told = new Map<number, Said>();
          const onSaid = (index: number, said: Said) => {
            expect(told.has(index)).toBe(false);
            told.set(index, said);
          };
          const all = await ask(given, { onSaid });
          expect(given.map((_, index) => told.get(index))).toEqual(all);
          expect(told.size).toBe(given.length);
        }));

      it("ends with the reason of a signal that is aborted, and has said nothing", () =>
        check(items, async (given, judge) => {
          const ask = askerOf(judge);
          if (ask === null) return;
          const reason = new Error("enough");
          const onSaid = () => expect.unreachable("nothing may be said");
          await expect(ask(given, { signal: AbortSignal.abort(reason), onSaid })).rejects.toBe(reason);
        }));

      it("ends with what its listener throws", () =>
        check(items, async (given, judge) => {
          const ask = askerOf(judge);
          if (ask === null) return;
          const reason = new Error("no room");
          const onSaid = () => {
            throw reason;
          };
          await expect(ask(given, { onSaid })).rejects.toBe(reason);
        }));
    });
  }

  describe(`${name}: laws of Judge`, () => {
    contract<Comparison, Verdict>("prefer()", comparisons, (judge) => judge.prefer.bind(judge), checkVerdict);
    contract<Exchange, Grade>("grade()", exchanges, (judge) => judge.grade?.bind(judge) ?? null, checkGrade);

    it.runIf(isSymmetric)("has no favourite side", () =>
      check(comparisons, async (given, judge) => {
        const verdicts = await judge.prefer(given);
        const exchanged = await judge.prefer(given.map(exchangeSides));
        expect(exchanged.map((each) => exchangeVerdict(each).winner)).toEqual(verdicts.map(({ winner }) => winner));
      }),
    );
  });
}

function checkVerdict({ winner, preference, scores }: Verdict): void {
  expect(["first", "second", "tie", "unparsed"]).toContain(winner);
  if (preference !== undefined) {
    expect(preference).toBeGreaterThanOrEqual(1);
    expect(preference).toBeLessThanOrEqual(2);
    if (winner === "first") expect(preference).toBeLessThanOrEqual(1.5);
    if (winner === "second") expect(preference).toBeGreaterThanOrEqual(1.5);
  }
  if (scores !== undefined) expect(scores.some(Number.isNaN)).toBe(false);
  if (winner === "unparsed") expect([preference, scores]).toEqual([undefined, undefined]);
}

function checkGrade({ score }: Grade): void {
  if (score !== null) expect(score).not.toBeNaN();
}
