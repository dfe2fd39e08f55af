// The percentile bootstrap: rows drawn with replacement, a statistic of each draw. Methods that are measured on the same
// prompts share the rows, so that their difference is paired. Knows no statistic.
import { createRandom } from "@dual-head/tensor-core";
import { checkCount, checkSameLength, checkValues } from "../metric-error.ts";
import { checkLevel, defaultLevel } from "./interval.ts";
import type { MeanEstimate } from "./mean.ts";

/** How rows are drawn. */
export interface BootstrapOptions {
  /** The same seed and number of rows draw the same rows. */
  readonly seed: number;
  /** Default 2000. */
  readonly resamples?: number | undefined;
  /** Default .95. */
  readonly level?: number | undefined;
}

/** A statistic, and where it lies in resampled data; null where it is not defined. */
export interface BootstrapEstimate {
  /** Of the rows as they are. */
  readonly value: number | null;
  /** Null, as `high` is, where the statistic is undefined of the rows as they are or of more than 5 % of the draws. */
  readonly low: number | null;
  readonly high: number | null;
  readonly resamples: number;
  /** Draws of which the statistic was not defined. */
  readonly undefinedCount: number;
}

const defaultResamples = 2000;
const undefinedLimit = 0.05;

/** The quantile of sorted values, linear between its neighbours (Hyndman and Fan's seventh). */
export function quantileOf(sorted: ArrayLike<number>, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  // Equal neighbours may be infinite.
  return low === high ? low : low + (place - below) * (high - low);
}

/**
 * The percentile interval of any statistic of `count` rows.
 *
 * @param count rows, such as prompts
 * @param statistic of row indices, which may repeat; the array is used again after it returns. Null or NaN: not defined
 * @throws MetricError ("bad-options") where count, resamples or level make no sense
 */
export function bootstrap(
  count: number,
  statistic: (rows: Uint32Array) => number | null,
  { seed, resamples = defaultResamples, level = defaultLevel }: BootstrapOptions,
): BootstrapEstimate {
  checkCount("a bootstrap interval", "count", count, 1);
  checkCount("a bootstrap interval", "resamples", resamples, 1);
  checkLevel("a bootstrap interval", level);
  const random = createRandom(seed, "bootstrap");
  const defined = (value: number | null): value is number => value !== null && !Number.isNaN(value);
  const rows = Uint32Array.from({ length: count }, (_, index) => index);
  const whole = statistic(rows);
  const value = defined(whole) ? whole : null;
  const drawn: number[] = [];
  for (let draw = 0; draw < resamples; draw++) {
    for (let at = 0; at < count; at++) rows[at] = random.integer(count);
    const result = statistic(rows);
    if (defined(result)) drawn.push(result);
  }
  const undefinedCount = resamples - drawn.length;
  if (value === null || undefinedCount > undefinedLimit * resamples) {
    return { value, low: null, high: null, resamples, undefinedCount };
  }
  drawn.sort((a, b) => a - b);
  const tail = (1 - level) / 2;
  return { value, low: quantileOf(drawn, tail), high: quantileOf(drawn, 1 - tail), resamples, undefinedCount };
}

/**
 * A mean with its percentile bootstrap interval.
 *
 * @throws MetricError where there are no values or one is not finite
 */
export function bootstrapMean(values: ArrayLike<number>, options: BootstrapOptions): MeanEstimate {
  checkValues("a mean", values);
  const { value, low, high } = bootstrap(
    values.length,
    (rows) => {
      let sum = 0;
      for (const row of rows) sum += values[row]!;
      return sum / rows.length;
    },
    options,
  );
  return { mean: value!, low: low!, high: high!, count: values.length };
}

/**
 * mean(first − second) over the same prompts, prompts drawn together: what both find hard cancels out.
 *
 * @param first one value a prompt
 * @param second of the same prompts in the same order
 * @throws MetricError where the lists differ in length, are empty or have a value that is not finite
 */
export function bootstrapDifference(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  options: BootstrapOptions,
): MeanEstimate {
  return bootstrapMean(differencesOf("a paired difference", first, second), options);
}

/**
 * first − second, value by value.
 *
 * @throws MetricError where the lists differ in length, are empty or have a value that is not finite
 */
export function differencesOf(metric: string, first: ArrayLike<number>, second: ArrayLike<number>): readonly number[] {
  checkSameLength(metric, first, second);
  checkValues(metric, first);
  checkValues(metric, second);
  return Array.from(first, (value, index) => value - second[index]!);
}
