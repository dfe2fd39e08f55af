// What goes wrong where figures are made of numbers, with its facts. Knows no metric.

/** What is wrong with what a metric was given. */
export type MetricFault =
  | "empty"
  | "mismatch"
  | "not-finite"
  | "out-of-range"
  | "undefined"
  | "bad-options"
  | "missing";

/** A figure could not be made; the message ends with the remedy. */
export class MetricError extends Error {
  override readonly name: string = "MetricError";
  readonly metric: string;
  readonly fault: MetricFault;
  /** Index of the value to blame among those that were given, or null. */
  readonly index: number | null;

  constructor(metric: string, fault: MetricFault, reason: string, index: number | null = null) {
    super(`Cannot compute ${metric}: ${reason}`);
    this.metric = metric;
    this.fault = fault;
    this.index = index;
  }
}

/**
 * Checks that there are values and that each is a finite number.
 *
 * @throws MetricError ("empty" or "not-finite") that names the metric and the index
 */
export function checkValues(metric: string, values: ArrayLike<number>): void {
  if (values.length === 0) throw new MetricError(metric, "empty", "there are no values; give at least one");
  for (let index = 0; index < values.length; index++) {
    if (Number.isFinite(values[index])) continue;
    const reason = `value ${index} is ${values[index]}; every value must be a finite number`;
    throw new MetricError(metric, "not-finite", reason, index);
  }
}

/**
 * Checks that two lists speak of the same items.
 *
 * @throws MetricError ("mismatch") with both lengths
 */
export function checkSameLength(metric: string, first: ArrayLike<unknown>, second: ArrayLike<unknown>): void {
  if (first.length === second.length) return;
  const reason = `it was given ${first.length} and ${second.length} values; give one of each for every item`;
  throw new MetricError(metric, "mismatch", reason);
}

/**
 * Checks an option that must be a whole number from `least` on.
 *
 * @throws MetricError ("bad-options")
 */
export function checkCount(metric: string, name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new MetricError(metric, "bad-options", `${name} is ${value}; give a whole number from ${least} on`);
}
