// Judges favour a side; what is asked in both orders, or from a side drawn by seed, does not. Knows no statistics: what
// two verdicts together mean is decided where they are counted.
import type { Comparison, Judge, JudgeOptions, Verdict } from "../judge.ts";
import { comparisonKey, keyOf } from "../key.ts";

/** What a judge said in both orders; both verdicts speak of the comparison's own first and second. */
export interface BothVerdicts {
  /** As the comparison was given. */
  readonly given: Verdict;
  /** Asked with the answers exchanged, and turned back. */
  readonly exchanged: Verdict;
}

/** The same answers in the other order. */
export function exchangeSides(comparison: Comparison): Comparison {
  const { conversation, first, second, secondConversation, ...rest } = comparison;
  if (secondConversation === undefined) return { ...rest, conversation, first: second, second: first };
  return {
    ...rest,
    conversation: secondConversation,
    first: second,
    second: first,
    secondConversation: conversation,
  };
}

/** What a verdict says of the same answers in the other order. */
export function exchangeVerdict(verdict: Verdict): Verdict {
  const { winner, raw, preference, scores } = verdict;
  return {
    winner: winner === "first" ? "second" : winner === "second" ? "first" : winner,
    raw,
    ...(preference === undefined ? {} : { preference: 3 - preference }),
    ...(scores === undefined ? {} : { scores: [scores[1], scores[0]] }),
  };
}

/**
 * Asks a judge in both orders: 2n comparisons in one call, so that it may have all under way at once. `onSaid` is told of
 * a pair when its later verdict is there.
 *
 * @throws what the judge throws
 */
export async function preferBothOrders(
  judge: Judge,
  comparisons: readonly Comparison[],
  { signal, onSaid }: JudgeOptions<BothVerdicts> = {},
): Promise<readonly BothVerdicts[]> {
  const waiting = new Map<number, Verdict>();
  const pairOf = (index: number, verdict: Verdict, other: Verdict): BothVerdicts =>
    index % 2 === 0
      ? { given: verdict, exchanged: exchangeVerdict(other) }
      : { given: other, exchanged: exchangeVerdict(verdict) };
  const verdicts = await judge.prefer(
    comparisons.flatMap((comparison) => [comparison, exchangeSides(comparison)]),
    {
      signal,
      onSaid: (index, verdict) => {
        const pair = index >> 1;
        const other = waiting.get(pair);
        if (other === undefined) waiting.set(pair, verdict);
        else onSaid?.(pair, pairOf(index, verdict, other));
      },
    },
  );
  return comparisons.map((_, index) => pairOf(2 * index, verdicts[2 * index]!, verdicts[2 * index + 1]!));
}

/**
 * A judge that is shown each comparison from a side drawn by the seed and the comparison itself, and so the same one in
 * whatever batch and order. Verdicts speak of the comparison's own first and second. Grades are the judge's.
 */
export function withRandomSides(judge: Judge, seed: number): Judge {
  const { name, grade } = judge;
  return {
    name,
    identity: { sides: { seed }, judge: judge.identity ?? judge.name },
    async prefer(comparisons, { signal, onSaid } = {}) {
      const exchanged = await Promise.all(comparisons.map((comparison) => isExchanged(comparison, seed)));
      const turn = (index: number, verdict: Verdict) => (exchanged[index]! ? exchangeVerdict(verdict) : verdict);
      const verdicts = await judge.prefer(
        comparisons.map((each, index) => (exchanged[index]! ? exchangeSides(each) : each)),
        { signal, onSaid: (index, verdict) => onSaid?.(index, turn(index, verdict)) },
      );
      return verdicts.map((verdict, index) => turn(index, verdict));
    },
    ...(grade === undefined ? {} : { grade: grade.bind(judge) }),
  };
}

async function isExchanged(comparison: Comparison, seed: number): Promise<boolean> {
  const key = await keyOf(["side", seed, await comparisonKey(comparison)]);
  return Number.parseInt(key[0]!, 16) % 2 === 1;
}
