// Reward against divergence: a method measured at several values of its knob, read between them and never beyond.
// Knows no method, and not whether a divergence is exact or a bound.
import { type BootstrapEstimate, type BootstrapOptions, bootstrap, bootstrapMean } from "../intervals/bootstrap.ts";
import type { Interval } from "../intervals/interval.ts";
import type { MeanEstimate } from "../intervals/mean.ts";
import { checkSameLength, checkValues, MetricError } from "../metric-error.ts";

/** A method at one value of its knob, measured on every prompt; the order of prompts is the same everywhere. */
export interface FrontierPoint {
  /** What was turned, such as a guidance weight; only told again. */
  readonly knob: number;
  /** KL(π ‖ π_base) of each prompt in nats per answer, summed over its tokens. */
  readonly kl: ArrayLike<number>;
  /** Reward of each prompt's answer in the reward's own units. */
  readonly reward: ArrayLike<number>;
}

/** Means of a point over prompts. */
export interface FrontierMeans {
  readonly knob: number;
  readonly kl: MeanEstimate;
  readonly reward: MeanEstimate;
}

/** Two methods' mean rewards at one divergence, from the same draws of prompts. */
export interface FrontierComparison {
  /** Nats per answer. */
  readonly kl: number;
  readonly first: BootstrapEstimate;
  readonly second: BootstrapEstimate;
  /** first − second, prompts drawn together. */
  readonly difference: BootstrapEstimate;
}

const metric = "a frontier";

/**
 * The mean divergence and reward of each point with bootstrap intervals, in order of mean divergence.
 *
 * @throws MetricError where there are no points, prompts differ between points or a value is not finite
 */
export function frontierOf(points: readonly FrontierPoint[], options: BootstrapOptions): readonly FrontierMeans[] {
  checkPoints(points);
  return points
    .map(({ knob, kl, reward }) => ({
      knob,
      kl: bootstrapMean(kl, options),
      reward: bootstrapMean(reward, options),
    }))
    .sort((a, b) => a.kl.mean - b.kl.mean);
}

/**
 * The mean reward at a divergence: linear between the two measured points whose mean divergences enclose it, points of
 * equal divergence taken as one with the mean of their rewards. Null outside the measured range: nothing is extrapolated.
 * The interval is of prompts drawn with replacement, each draw with its own means and neighbours; draws that do not reach
 * the divergence are counted as undefined.
 *
 * @param kl nats per answer
 * @throws MetricError where there are no points, prompts differ between points or a value is not finite
 */
export function rewardAtKl(points: readonly FrontierPoint[], kl: number, options: BootstrapOptions): BootstrapEstimate {
  checkDivergence(kl);
  return bootstrap(checkPoints(points), (rows) => interpolate(points, kl, rows), options);
}

/**
 * Two methods' mean rewards at the same divergence and their difference, bootstrapped over prompts that are drawn together.
 * The difference is null where either method was not measured on both sides of the divergence.
 *
 * @param kl nats per answer
 * @throws MetricError where a method has no points, prompts differ between points or a value is not finite
 */
export function compareAtKl(
  first: readonly FrontierPoint[],
  second: readonly FrontierPoint[],
  kl: number,
  options: BootstrapOptions,
): FrontierComparison {
  checkPoints([...first, ...second]);
  const difference = (rows: Uint32Array): number | null => {
    const own = interpolate(first, kl, rows);
    const other = own === null ? null : interpolate(second, kl, rows);
    return own === null || other === null ? null : own - other;
  };
  return {
    kl,
    first: rewardAtKl(first, kl, options),
    second: rewardAtKl(second, kl, options),
    difference: bootstrap(first[0]!.kl.length, difference, options),
  };
}

/**
 * The divergences at which all methods can be compared: from the largest of their smallest mean to the smallest of their
 * largest, in nats per answer; null where there are none.
 *
 * @throws MetricError where a method has no points, prompts differ between points or a value is not finite
 */
export function sharedKlRange(methods: readonly (readonly FrontierPoint[])[]): Interval | null {
  if (methods.length === 0) throw new MetricError(metric, "empty", "there are no methods; give at least one");
  const ranges = methods.map((points) => {
    const rows = Uint32Array.from({ length: checkPoints(points) }, (_, row) => row);
    const means = points.map(({ kl }) => meanAt(kl, rows));
    return { low: Math.min(...means), high: Math.max(...means) };
  });
  const low = Math.max(...ranges.map((range) => range.low));
  const high = Math.min(...ranges.map((range) => range.high));
  return low <= high ? { low, high } : null;
}

/** The number of prompts, the same for all points. */
function checkPoints(points: readonly FrontierPoint[]): number {
  const [point] = points;
  if (point === undefined) throw new MetricError(metric, "empty", "a method has no points; measure at least one");
  for (const { kl, reward } of points) {
    checkSameLength(metric, point.kl, kl);
    checkSameLength(metric, kl, reward);
    checkValues(metric, kl);
    checkValues(metric, reward);
  }
  return point.kl.length;
}

function checkDivergence(kl: number): void {
  if (Number.isFinite(kl)) return;
  throw new MetricError(metric, "bad-options", `the divergence is ${kl}; give a number of nats per answer`);
}

function meanAt(values: ArrayLike<number>, rows: Uint32Array): number {
  let sum = 0;
  for (const row of rows) sum += values[row]!;
  return sum / rows.length;
}

function interpolate(points: readonly FrontierPoint[], kl: number, rows: Uint32Array): number | null {
  // The nearest measured points on both sides; those at the same divergence share a mean.
  let [below, above] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  let [belowSum, belowCount, aboveSum, aboveCount] = [0, 0, 0, 0];
  for (const point of points) {
    const at = meanAt(point.kl, rows);
    if (at <= kl && at >= below) {
      if (at > below) [below, belowSum, belowCount] = [at, 0, 0];
      belowSum += meanAt(point.reward, rows);
      belowCount++;
    }
    if (at >= kl && at <= above) {
      if (at < above) [above, aboveSum, aboveCount] = [at, 0, 0];
      aboveSum += meanAt(point.reward, rows);
      aboveCount++;
    }
  }
  if (belowCount === 0 || aboveCount === 0) return null;
  const [low, high] = [belowSum / belowCount, aboveSum / aboveCount];
  return below === above ? low : low + ((kl - below) / (above - below)) * (high - low);
}
