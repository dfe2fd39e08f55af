// What an interval is, and the share of draws it covers. Knows no way to make one.
import { MetricError } from "../metric-error.ts";

/** The ends of a confidence interval, in the units of what it is of. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The level of every interval where none is named. */
export const defaultLevel = 0.95;

/**
 * Checks a confidence level.
 *
 * @throws MetricError ("bad-options") where it is not between 0 and 1
 */
export function checkLevel(metric: string, level: number): void {
  if (level > 0 && level < 1) return;
  throw new MetricError(metric, "bad-options", `the level is ${level}; give one between 0 and 1, such as 0.95`);
}
