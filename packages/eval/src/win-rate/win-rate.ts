// Win rates: verdicts of a judge, in one order or in both, counted for one side. Knows no judge.

import { type BootstrapOptions, bootstrapMean } from "../intervals/bootstrap.ts";
import type { Interval } from "../intervals/interval.ts";
import { meanOf } from "../intervals/mean.ts";
import { shareInterval } from "../intervals/share.ts";
import type { Verdict } from "../judges/judge.ts";
import type { BothVerdicts } from "../judges/swap/swap.ts";
import { MetricError } from "../metric-error.ts";
import { type OrderRule, type Outcome, outcomeOf, outcomeOfBoth, type Side } from "./outcome.ts";

/** How wins are counted. */
export interface WinRateOptions extends BootstrapOptions {
  /** Whose wins; default first. */
  readonly side?: Side | undefined;
}

/** How often one side wins. */
export interface WinRate {
  /** Comparisons that were judged: wins + losses + ties + unparsed. */
  readonly count: number;
  readonly wins: number;
  readonly losses: number;
  readonly ties: number;
  /** Comparisons of which the judge was not understood; in both orders, of which either verdict was not. */
  readonly unparsed: number;
  /** (wins + ½ ties) / (count − unparsed), between 0 and 1; null where nothing was understood. */
  readonly winRate: number | null;
  /** Wilson's interval over what was understood; a tie is half a success. */
  readonly wilson: Interval | null;
  /** The percentile bootstrap's, comparisons drawn with replacement. */
  readonly bootstrap: Interval | null;
}

/** How often one side wins when both orders were asked. */
export interface BothOrdersWinRate extends WinRate {
  readonly rule: OrderRule;
  /** Understood in both orders, and not the same in both. */
  readonly disagreements: number;
  /** Of these, those in which whichever answer stood first, or whichever stood second, won: a favourite side. */
  readonly sideWins: { readonly first: number; readonly second: number };
}

/**
 * Counts outcomes of one side and its win rate with intervals.
 *
 * @param outcomes one a comparison: from 0, a loss, over ½, a tie, to 1, a win; null where the judge was not understood
 * @throws MetricError where there are none or one is out of range
 */
export function countOutcomes(outcomes: readonly Outcome[], options: BootstrapOptions): WinRate {
  if (outcomes.length === 0) throw new MetricError("a win rate", "empty", "there are no verdicts; judge at least one");
  const understood = outcomes.filter((outcome, index): outcome is number => {
    if (outcome === null || (outcome >= 0 && outcome <= 1)) return outcome !== null;
    throw new MetricError("a win rate", "out-of-range", `outcome ${index} is ${outcome}; give null or 0 to 1`, index);
  });
  const wins = understood.filter((outcome) => outcome > 0.5).length;
  const losses = understood.filter((outcome) => outcome < 0.5).length;
  const counts = {
    count: outcomes.length,
    wins,
    losses,
    ties: understood.length - wins - losses,
    unparsed: outcomes.length - understood.length,
  };
  if (understood.length === 0) return { ...counts, winRate: null, wilson: null, bootstrap: null };
  const winRate = meanOf(understood);
  const ends = ({ low, high }: Interval): Interval => ({ low, high });
  return {
    ...counts,
    winRate,
    wilson: ends(shareInterval(winRate * understood.length, understood.length, options.level)),
    bootstrap: ends(bootstrapMean(understood, options)),
  };
}

/**
 * The win rate of one side, of a judge asked once: (wins + ½ ties) / n over what was understood.
 *
 * @throws MetricError where there are no verdicts
 * @example
 * winRateOf(await judge.prefer(comparisons), { seed: 1 }).winRate; // of the first answers
 */
export function winRateOf(verdicts: readonly Verdict[], { side = "first", ...options }: WinRateOptions): WinRate {
  return countOutcomes(
    verdicts.map((verdict) => outcomeOf(verdict, side)),
    options,
  );
}

/**
 * The win rate of one side, of a judge asked in both orders.
 *
 * @param options.rule default agreement: where the orders disagree it is a tie
 * @throws MetricError where there are no verdicts
 */
export function winRateOfBoth(
  verdicts: readonly BothVerdicts[],
  { side = "first", rule = "agreement", ...options }: WinRateOptions & { readonly rule?: OrderRule | undefined },
): BothOrdersWinRate {
  const disagreeing = verdicts.filter(
    ({ given, exchanged }) =>
      given.winner !== exchanged.winner && given.winner !== "unparsed" && exchanged.winner !== "unparsed",
  );
  // Both verdicts speak of the comparison's own sides: whoever stood first won both times if each order's first did.
  const favours = (winner: Side, other: Side) =>
    disagreeing.filter(({ given, exchanged }) => given.winner === winner && exchanged.winner === other).length;
  return {
    ...countOutcomes(
      verdicts.map((each) => outcomeOfBoth(each, side, rule)),
      options,
    ),
    rule,
    disagreements: disagreeing.length,
    sideWins: { first: favours("first", "second"), second: favours("second", "first") },
  };
}
