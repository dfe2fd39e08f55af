// A share of trials with Wilson's interval, which the training package computes. Knows no metric.
import { wilsonInterval } from "@dual-head/train";
import { MetricError } from "../metric-error.ts";
import { normalCritical } from "./distributions.ts";
import { checkLevel, defaultLevel, type Interval } from "./interval.ts";

/** A share with its interval, between 0 and 1. */
export interface ShareEstimate extends Interval {
  readonly share: number;
  readonly count: number;
}

/**
 * successes / count with Wilson's interval. Halves (a tie is half a success) are allowed: outcomes of 0, ½ and 1 vary no
 * more than a coin of the same share, so that the interval is then wider than need be.
 *
 * @param successes from 0 to count, whole or not
 * @throws MetricError where count is no whole number from 1 on, or successes are out of range
 */
export function shareInterval(successes: number, count: number, level: number = defaultLevel): ShareEstimate {
  checkLevel("a share", level);
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new MetricError("a share", "empty", `it is of ${count} trials; give at least one`);
  }
  if (!(successes >= 0 && successes <= count)) {
    throw new MetricError("a share", "out-of-range", `${successes} of ${count} succeeded; give from 0 to ${count}`);
  }
  const share = successes / count;
  const z = level === defaultLevel ? undefined : normalCritical(level);
  return { share, ...wilsonInterval(share, count, z), count };
}
