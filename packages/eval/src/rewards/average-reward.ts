// The average reward of answers. It does not know who gave the rewards.
import { type BootstrapOptions, bootstrapMean } from "../intervals/bootstrap.ts";
import type { Interval } from "../intervals/interval.ts";
import { deviationOf, meanInterval } from "../intervals/mean.ts";

/** How rewards of one answer a prompt lie, in the reward's own units. */
export interface AverageReward extends Interval {
  /** Prompts. */
  readonly count: number;
  readonly mean: number;
  /** Standard deviation over prompts, n − 1 below; null of one prompt. */
  readonly deviation: number | null;
  /** The percentile bootstrap's interval beside Student's (`low`, `high`): where they differ, rewards are skewed. */
  readonly bootstrap: Interval;
}

/**
 * The mean reward with Student's and the bootstrap's interval. Rewards of a model mean something only beside others of
 * the same model: compare methods with `comparePaired` on the same prompts.
 *
 * @param rewards one a prompt: several answers to a prompt are averaged first, since they are not independent
 * @throws MetricError where there are none or one is not finite
 */
export function averageReward(rewards: ArrayLike<number>, options: BootstrapOptions): AverageReward {
  const { mean, low, high, count } = meanInterval(rewards, options.level);
  const bootstrap = bootstrapMean(rewards, options);
  return {
    count,
    mean,
    low,
    high,
    deviation: count === 1 ? null : deviationOf(rewards),
    bootstrap: { low: bootstrap.low, high: bootstrap.high },
  };
}
