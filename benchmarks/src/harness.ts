// Interleaved measurement on tinybench: one sample of every alternative a round, so that what disturbs the machine
// disturbs all of them and ratios come from one run. Knows no model and no device.
import { Bench, type Task } from "tinybench";

/** One way of doing the work that is compared. */
export interface Alternative {
  readonly name: string;
  /** Does the work once and returns only when it is really done. */
  readonly run: () => unknown;
}

/** How long to measure. */
export interface Rounds {
  /** Rounds that are run and thrown away first. */
  readonly warmupRounds: number;
  /** Rounds that count, at least 1. */
  readonly rounds: number;
}

/** A median with its quartiles. */
export interface Summary {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly sampleCount: number;
}

/** Milliseconds of each alternative by name, one a round; entry r of each list belongs to round r. */
export type Samples = ReadonlyMap<string, readonly number[]>;

/**
 * Runs every alternative once a round, forwards in even rounds and backwards in odd ones, so that no alternative always
 * follows the same other.
 *
 * @throws RangeError where there is no round or a name occurs twice; what an alternative throws is passed on
 */
export async function measure(
  alternatives: readonly Alternative[],
  { warmupRounds, rounds }: Rounds,
): Promise<Samples> {
  if (!(rounds >= 1)) throw new RangeError(`Cannot measure: ${rounds} rounds count, ask for at least 1`);
  const bench = new Bench({ iterations: 1, time: 0, warmup: false, retainSamples: true, throws: true });
  const samples = new Map<string, number[]>();
  for (const { name, run } of alternatives) {
    if (samples.has(name)) throw new RangeError(`Cannot measure: two alternatives are named ${name}, rename one`);
    samples.set(name, []);
    // Named asynchronous outright: to find out, tinybench would run it once more.
    bench.add(name, async () => void (await run()), { async: true });
  }
  for (let round = -warmupRounds; round < rounds; round++) {
    const tasks = round % 2 === 0 ? bench.tasks : bench.tasks.toReversed();
    for (const task of tasks) {
      const milliseconds = await sampleOf(task);
      if (round >= 0) samples.get(task.name)!.push(milliseconds);
    }
  }
  return samples;
}

async function sampleOf(task: Task): Promise<number> {
  task.reset();
  await task.run();
  const { result } = task;
  if (result.state !== "completed") {
    throw new Error(`Cannot measure ${task.name}: its run ended ${result.state} where it must be completed`);
  }
  return result.latency.mean;
}

/**
 * The value below which the share `quantile` in [0, 1] of the values lies, interpolated between neighbours.
 *
 * @throws RangeError where there are no values
 */
export function quantileOf(values: readonly number[], quantile: number): number {
  if (values.length === 0) throw new RangeError("Cannot take a quantile: there are no values, measure at least one");
  const sorted = values.toSorted((a, b) => a - b);
  const place = quantile * (sorted.length - 1);
  const below = sorted[Math.floor(place)]!;
  const above = sorted[Math.ceil(place)]!;
  return below + (above - below) * (place - Math.floor(place));
}

/** Median and quartiles of values. */
export function summarise(values: readonly number[]): Summary {
  return {
    value: quantileOf(values, 0.5),
    low: quantileOf(values, 0.25),
    high: quantileOf(values, 0.75),
    sampleCount: values.length,
  };
}

/** The 95 % interval of the median of `values`, from 2000 samples with replacement. */
export function bootstrapInterval(
  values: readonly number[],
  random: { integer(bound: number): number },
): [number, number] {
  const medians = Array.from({ length: 2000 }, () =>
    quantileOf(
      values.map(() => values[random.integer(values.length)]!),
      0.5,
    ),
  );
  return [quantileOf(medians, 0.025), quantileOf(medians, 0.975)];
}

/** Work per second in every round, where a run does `work` units. */
export function ratesOf(samples: Samples, name: string, work: number): number[] {
  return samplesOf(samples, name).map((milliseconds) => (work * 1000) / milliseconds);
}

/**
 * How many times the rate of `other` the rate of `name` is, round by round: what both share of a round's disturbance
 * cancels before the median is taken.
 */
export function speedups(samples: Samples, name: string, other: string): number[] {
  const theirs = samplesOf(samples, other);
  return samplesOf(samples, name).map((milliseconds, round) => theirs[round]! / milliseconds);
}

/** Milliseconds of one alternative; throws where it was not measured. */
export function samplesOf(samples: Samples, name: string): readonly number[] {
  const own = samples.get(name);
  if (own === undefined) {
    throw new RangeError(`Cannot read samples: ${name} was not measured, only ${[...samples.keys()].join(", ")}`);
  }
  return own;
}
