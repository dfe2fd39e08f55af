// Exponents of measured power laws: the slope of log time against log size, with an interval over rounds. Knows no device.
import { quantileOf } from "../harness.ts";

/** An exponent with its 95 % interval. */
export interface Exponent {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Least-squares slope of ln y against ln x.
 *
 * @throws RangeError where there are fewer than two different sizes, or a number is not positive
 */
export function logSlope(x: readonly number[], y: readonly number[]): number {
  if ([...x, ...y].some((each) => !(each > 0)))
    throw new RangeError("Cannot fit an exponent: all numbers must be above 0");
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [logX, logY] = [x.map(Math.log), y.map(Math.log)];
  const [middleX, middleY] = [mean(logX), mean(logY)];
  const spread = logX.reduce((sum, value) => sum + (value - middleX) ** 2, 0);
  if (!(spread > 0)) throw new RangeError("Cannot fit an exponent: give at least two different sizes");
  return logX.reduce((sum, value, at) => sum + (value - middleX) * (logY[at]! - middleY), 0) / spread;
}

/**
 * The exponent of the median times, and the interval of exponents over resampled rounds. A round is resampled whole: what
 * disturbed it disturbed all sizes.
 *
 * @param times milliseconds by size, one a round
 * @param draw uniform numbers in [0, 1)
 */
export function fitExponent(
  sizes: readonly number[],
  times: readonly (readonly number[])[],
  draw: () => number,
): Exponent {
  const rounds = times[0]!.length;
  const medians = (picked: readonly number[]) =>
    times.map((own) =>
      quantileOf(
        picked.map((round) => own[round]!),
        0.5,
      ),
    );
  const all = Array.from({ length: rounds }, (_, round) => round);
  const slopes = Array.from({ length: 400 }, () =>
    logSlope(sizes, medians(all.map(() => Math.floor(draw() * rounds)))),
  );
  return { value: logSlope(sizes, medians(all)), low: quantileOf(slopes, 0.025), high: quantileOf(slopes, 0.975) };
}

/**
 * The part of the times that does not grow with the count: a of time = a + b·count, by least squares of relative errors.
 *
 * @throws RangeError where the counts do not differ, or a time is not positive
 */
export function fixedPart(counts: readonly number[], times: readonly number[]): number {
  if (times.some((time) => !(time > 0))) throw new RangeError("Cannot fit a fixed part: all times must be above 0");
  const weights = times.map((time) => 1 / time ** 2);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const meanOf = (values: readonly number[]): number =>
    values.reduce((sum, value, at) => sum + weights[at]! * value, 0) / total;
  const [count, time] = [meanOf(counts), meanOf(times)];
  // About the means, since a time far below the others would drown the rest in rounding.
  const spread = meanOf(counts.map((own) => (own - count) ** 2));
  if (!(spread > 0)) throw new RangeError("Cannot fit a fixed part: give at least two different counts");
  return time - (count * meanOf(counts.map((own, at) => (own - count) * (times[at]! - time)))) / spread;
}
