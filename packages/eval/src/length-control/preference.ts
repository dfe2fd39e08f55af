// AlpacaEval's win rate: how far a judge prefers one method, on a scale from 1 to 2. Knows no judge and no lengths.
import { deviationOf, meanOf } from "../intervals/mean.ts";
import { MetricError } from "../metric-error.ts";

/** AlpacaEval's preference: from 1, surely the other, to 2, surely this one; 0 is a draw too; null where there is none. */
export type Preference = number | null;

/** AlpacaEval's win rate, in percent. */
export interface PreferenceWinRate {
  /** 100·mean(preference − 1), draws ½, over what was understood: from 0 to 100. */
  readonly winRate: number;
  /** 100·sd/√n with n − 1 below, in points; null of one preference. */
  readonly standardError: number | null;
  /** 100·(wins + ½ ties)/n: each preference counted as a whole vote. */
  readonly discreteWinRate: number;
  /** Preferences over, under and at 1.5. */
  readonly wins: number;
  readonly losses: number;
  readonly ties: number;
  /** Of null: neither in n nor a tie. */
  readonly unparsed: number;
}

/**
 * Preferences as shares from 0 to 1, null kept.
 *
 * @throws MetricError where one is neither null, 0 nor from 1 to 2
 */
export function sharesOf(metric: string, preferences: readonly Preference[]): readonly (number | null)[] {
  return preferences.map((preference, index) => {
    if (preference === null) return null;
    if (preference === 0) return 0.5;
    if (preference >= 1 && preference <= 2) return preference - 1;
    const reason = `preference ${index} is ${preference}; give null, 0 or a number from 1 to 2`;
    throw new MetricError(metric, "out-of-range", reason, index);
  });
}

/**
 * AlpacaEval 2's win rate and standard error of one method's preferences.
 *
 * @param preferences one an instruction, 2 where this method surely wins
 * @throws MetricError where none was understood or one is out of range
 */
export function preferenceWinRate(preferences: readonly Preference[]): PreferenceWinRate {
  const shares = sharesOf("a win rate", preferences).filter((share) => share !== null);
  const count = shares.length;
  if (count === 0) throw new MetricError("a win rate", "empty", "no preference was understood; give at least one");
  const wins = shares.filter((share) => share > 0.5).length;
  const losses = shares.filter((share) => share < 0.5).length;
  const ties = count - wins - losses;
  return {
    winRate: 100 * meanOf(shares),
    standardError: count === 1 ? null : (100 * deviationOf(shares)) / Math.sqrt(count),
    discreteWinRate: (100 * (wins + 0.5 * ties)) / count,
    wins,
    losses,
    ties,
    unparsed: preferences.length - count,
  };
}
