// How far choosing the best of n answers can move a policy. Knows no policy.
import { checkCount } from "../metric-error.ts";

/**
 * An upper bound of KL(best-of-n ‖ base) in nats per answer: ln n − (n − 1)/n. It is reached where no two answers have the
 * same reward and no answer carries much probability; else the divergence is smaller.
 *
 * @param count n, answers of which the best is given
 * @throws MetricError ("bad-options") where n is no whole number from 1 on
 */
export function bestOfNKlBound(count: number): number {
  checkCount("the bound of best-of-n", "n", count, 1);
  return Math.log(count) - (count - 1) / count;
}
