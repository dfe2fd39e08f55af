// What verdicts say of one side: a win, a loss, a tie, or nothing. Knows no judge and no interval.
import type { Verdict } from "../judges/judge.ts";
import type { BothVerdicts } from "../judges/swap/swap.ts";

/** The side of a comparison whose wins are counted. */
export type Side = "first" | "second";

/**
 * What two verdicts on the same answers, in both orders, say together. `agreement`: a win where both say so, else a tie
 * (MT-Bench's rule). `average`: half a vote each.
 */
export type OrderRule = "agreement" | "average";

/** 1 for a win, 0 for a loss, ½ for a tie, and between where votes are halved; null where a judge was not understood. */
export type Outcome = number | null;

/** What a verdict says of a side. A verdict that could not be parsed says nothing: it is no tie. */
export function outcomeOf({ winner }: Verdict, side: Side): Outcome {
  if (winner === "unparsed") return null;
  if (winner === "tie") return 0.5;
  return winner === side ? 1 : 0;
}

/**
 * What both orders say of a side; null where either was not understood, since one order alone has the judge's favourite
 * side in it.
 */
export function outcomeOfBoth({ given, exchanged }: BothVerdicts, side: Side, rule: OrderRule): Outcome {
  const [one, other] = [outcomeOf(given, side), outcomeOf(exchanged, side)];
  if (one === null || other === null) return null;
  if (rule === "average") return (one + other) / 2;
  return one === other ? one : 0.5;
}

/**
 * How far a verdict prefers a side, from 1, surely the other, to 2, surely this one: the judge's own preference where it
 * has one, else 1, 1.5 or 2 by its choice; null where it was not understood.
 */
export function preferenceFor(verdict: Verdict, side: Side): number | null {
  const outcome = outcomeOf(verdict, side);
  if (outcome === null) return null;
  if (verdict.preference === undefined) return 1 + outcome;
  return side === "second" ? verdict.preference : 3 - verdict.preference;
}
