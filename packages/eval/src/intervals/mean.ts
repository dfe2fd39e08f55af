// A mean with Student's interval. Knows no metric.
import { checkValues } from "../metric-error.ts";
import { studentCritical } from "./distributions.ts";
import { checkLevel, defaultLevel, type Interval } from "./interval.ts";

/** A mean with its interval, in the units of the values. */
export interface MeanEstimate extends Interval {
  readonly mean: number;
  readonly count: number;
}

/** Σ values / count; NaN of none. */
export function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index]!;
  return sum / values.length;
}

/** The standard deviation with n − 1 below; NaN of fewer than two. */
export function deviationOf(values: ArrayLike<number>): number {
  const mean = meanOf(values);
  let squares = 0;
  for (let index = 0; index < values.length; index++) squares += (values[index]! - mean) ** 2;
  return values.length < 2 ? Number.NaN : Math.sqrt(squares / (values.length - 1));
}

/**
 * The mean of independent values and Student's interval, mean ± t_(n−1)·sd/√n: exact for normal values, good for others
 * from a few dozen on. One value alone has an interval without ends, −∞ to ∞.
 *
 * @param level share of draws in which the interval holds the true mean; default .95
 * @throws MetricError where there are no values or one is not finite
 */
export function meanInterval(values: ArrayLike<number>, level: number = defaultLevel): MeanEstimate {
  checkValues("a mean", values);
  checkLevel("a mean", level);
  const mean = meanOf(values);
  const count = values.length;
  if (count === 1) return { mean, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY, count };
  const half = (studentCritical(level, count - 1) * deviationOf(values)) / Math.sqrt(count);
  return { mean, low: mean - half, high: mean + half, count };
}
