// A mean over seeds of training and prompts, both of which are samples: every seed answers every prompt once. Knows no
// metric.
import { checkSameLength, checkValues, MetricError } from "../metric-error.ts";
import { studentCritical } from "./distributions.ts";
import { checkLevel, defaultLevel } from "./interval.ts";
import { deviationOf, type MeanEstimate, meanOf } from "./mean.ts";

/** A mean over seeds and prompts, in the units of the values; its interval speaks of other seeds and other prompts. */
export interface CrossedMeanEstimate extends MeanEstimate {
  readonly seedCount: number;
  readonly promptCount: number;
  /** The mean of each seed. */
  readonly seedMeans: readonly number[];
  /** Standard deviation of these means, which holds what chance in single answers adds to them. */
  readonly seedMeansDeviation: number;
  /** Standard deviation of what seeds alone add to a value, √max(0, (MS_s − MS_e)/P). */
  readonly seedDeviation: number;
  /** Degrees of freedom of Student's quantile. */
  readonly freedom: number;
}

/**
 * The mean of values x_sp of S seeds and P prompts with its interval, where x_sp = μ + a_s + b_p + e_sp, all random and
 * independent. By the method of moments of that two-way layout (Henderson 1953; Satterthwaite 1946 for the degrees of
 * freedom) with the mean squares MS_s = P·Σ(x̄_s − x̄)²/(S−1), MS_p = S·Σ(x̄_p − x̄)²/(P−1) and
 * MS_e = Σ(x_sp − x̄_s − x̄_p + x̄)²/((S−1)(P−1)),
 *
 *     Var(x̄) = (MS_e + max(0, MS_s − MS_e) + max(0, MS_p − MS_e)) / (S·P)
 *     freedom = (S·P·Var(x̄))² / (MS_s²/(S−1) + MS_p²/(P−1) + MS_e²/((S−1)(P−1))), at least min(S, P) − 1
 *
 * which is (MS_s + MS_p − MS_e)/(S·P) where neither seeds nor prompts seem to vary less than nothing. A component that
 * comes out below zero counts as zero, so that the variance is never below the largest of the three mean squares over
 * S·P: an estimate that is too small by chance does not narrow the interval. Equal seeds give the interval of their
 * prompts, equal prompts that of their seeds (`meanInterval`).
 *
 * One seed says nothing of others and is refused: `meanInterval` of its values is the interval over prompts, for that seed.
 *
 * @param values one list a seed, of one value a prompt, the same prompts in the same order; no gaps
 * @param level share of draws in which the interval holds the true mean; default .95
 * @throws MetricError ("undefined" of one seed or one prompt, "empty", "mismatch", "not-finite" or "bad-options")
 */
export function crossedMean(values: readonly ArrayLike<number>[], level: number = defaultLevel): CrossedMeanEstimate {
  checkLevel(metric, level);
  const [first] = values;
  if (first === undefined) throw new MetricError(metric, "empty", "there are no seeds; give the values of two or more");
  for (const own of values) {
    checkSameLength(metric, first, own);
    checkValues(metric, own);
  }
  const [seedCount, promptCount] = [values.length, first.length];
  if (seedCount < 2) {
    const reason = "one seed says nothing of others; train with two or more, or take meanInterval over its prompts";
    throw new MetricError(metric, "undefined", reason);
  }
  if (promptCount < 2) {
    throw new MetricError(metric, "undefined", "one prompt says nothing of others; give two or more");
  }
  const seedMeans = values.map(meanOf);
  const promptMeans = Array.from(first, (_, at) => meanOf(values.map((own) => own[at]!)));
  const mean = meanOf(seedMeans);
  const [seedFreedom, promptFreedom] = [seedCount - 1, promptCount - 1];
  const residualFreedom = seedFreedom * promptFreedom;
  let squares = 0;
  for (const [seed, own] of values.entries()) {
    for (let at = 0; at < promptCount; at++) squares += (own[at]! - seedMeans[seed]! - promptMeans[at]! + mean) ** 2;
  }
  const seeds = promptCount * deviationOf(seedMeans) ** 2;
  const prompts = seedCount * deviationOf(promptMeans) ** 2;
  const rest = squares / residualFreedom;
  const count = seedCount * promptCount;
  const total = rest + Math.max(0, seeds - rest) + Math.max(0, prompts - rest);
  const spread = seeds ** 2 / seedFreedom + prompts ** 2 / promptFreedom + rest ** 2 / residualFreedom;
  // Nothing varies: any quantile will do.
  const satterthwaite = spread === 0 ? residualFreedom : total ** 2 / spread;
  const freedom = Math.max(satterthwaite, Math.min(seedFreedom, promptFreedom));
  const half = studentCritical(level, freedom) * Math.sqrt(total / count);
  return {
    ...{ mean, low: mean - half, high: mean + half, count, seedCount, promptCount, seedMeans, freedom },
    seedMeansDeviation: deviationOf(seedMeans),
    seedDeviation: Math.sqrt(Math.max(0, seeds - rest) / promptCount),
  };
}

const metric = "a mean over seeds and prompts";
