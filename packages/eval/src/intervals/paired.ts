// Tests of two methods on the same prompts: who wins more often, whose mean is higher. Knows no method.
import { createRandom } from "@dual-head/tensor-core";
import { checkCount } from "../metric-error.ts";
import { type BootstrapOptions, bootstrapMean, differencesOf } from "./bootstrap.ts";
import { fairCoinTail } from "./distributions.ts";
import type { MeanEstimate } from "./mean.ts";

/**
 * The exact sign test, two-sided: min(1, 2·P(X ≤ min(wins, losses))), X heads of wins + losses tosses of a fair coin.
 * McNemar's exact test is the same of the pairs that disagree. Ties say nothing and are left out; of nothing p is 1.
 *
 * @throws MetricError ("bad-options") where a count is no whole number from 0 on
 */
export function signTest(wins: number, losses: number): number {
  checkCount("a sign test", "wins", wins, 0);
  checkCount("a sign test", "losses", losses, 0);
  return Math.min(1, 2 * fairCoinTail(Math.min(wins, losses), wins + losses));
}

/** How two methods that succeed or fail compare on the same prompts. */
export interface McNemarTest {
  /** Prompts on which the first alone succeeds. */
  readonly firstOnly: number;
  readonly secondOnly: number;
  /** Two-sided and exact: the sign test of the two counts. */
  readonly p: number;
}

/**
 * McNemar's exact test of two lists of successes on the same prompts.
 *
 * @throws MetricError where the lists differ in length
 */
export function mcNemarTest(first: readonly boolean[], second: readonly boolean[]): McNemarTest {
  const differences = differencesOf("McNemar's test", first.map(Number), second.map(Number));
  const firstOnly = differences.filter((each) => each > 0).length;
  const secondOnly = differences.filter((each) => each < 0).length;
  return { firstOnly, secondOnly, p: signTest(firstOnly, secondOnly) };
}

/** How signs are drawn. */
export interface PermutationOptions {
  readonly seed: number;
  /** Drawn where there are more than so many ways to choose signs, else all are tried; default 10,000. */
  readonly permutations?: number | undefined;
}

/**
 * The paired permutation test of a difference of means, two-sided: p is the share of choices of signs under which
 * |mean(±(first − second))| is at least the one seen. Exact where all choices are tried; else (1 + seen) / (1 + drawn),
 * which is never 0.
 *
 * @throws MetricError where the lists differ in length, are empty or have a value that is not finite
 */
export function permutationTest(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  { seed, permutations = 10_000 }: PermutationOptions,
): number {
  checkCount("a permutation test", "permutations", permutations, 1);
  const differences = differencesOf("a permutation test", first, second).filter((each) => each !== 0);
  const count = differences.length;
  const total = differences.reduce((sum, each) => sum + each, 0);
  const scale = differences.reduce((sum, each) => sum + Math.abs(each), 0);
  // Sums of the same numbers in other orders differ by rounding: such are equal.
  const least = Math.abs(total) - 1e-12 * scale;
  if (2 ** count <= permutations) {
    let reached = 0;
    for (let signs = 0; signs < 2 ** count; signs++) {
      const sum = differences.reduce((sum, each, at) => sum + ((signs >> at) & 1 ? -each : each), 0);
      if (Math.abs(sum) >= least) reached++;
    }
    return reached / 2 ** count;
  }
  const random = createRandom(seed, "permutation");
  let reached = 0;
  for (let draw = 0; draw < permutations; draw++) {
    let sum = 0;
    for (let at = 0, bits = 0; at < count; at++) {
      if (at % 32 === 0) bits = random.uint32();
      sum += (bits >>> (at % 32)) & 1 ? -differences[at]! : differences[at]!;
    }
    if (Math.abs(sum) >= least) reached++;
  }
  return (1 + reached) / (1 + permutations);
}

/** Two methods on the same prompts. */
export interface PairedComparison {
  /** mean(first − second) with its bootstrap interval, in the units of the values. */
  readonly difference: MeanEstimate;
  /** Prompts on which the first is higher, lower and equal. */
  readonly wins: number;
  readonly losses: number;
  readonly ties: number;
  /** Of wins against losses. */
  readonly signP: number;
  /** Of the difference of means. */
  readonly permutationP: number;
}

/**
 * All that can be said of the difference of two methods on the same prompts.
 *
 * @throws MetricError where the lists differ in length, are empty or have a value that is not finite
 */
export function comparePaired(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  options: BootstrapOptions & PermutationOptions,
): PairedComparison {
  const differences = differencesOf("a paired comparison", first, second);
  const wins = differences.filter((each) => each > 0).length;
  const losses = differences.filter((each) => each < 0).length;
  return {
    difference: bootstrapMean(differences, options),
    wins,
    losses,
    ties: differences.length - wins - losses,
    signP: signTest(wins, losses),
    permutationP: permutationTest(first, second, options),
  };
}
