// The least error that a win rate over 300 prompts can have, and intervals that cover as they say.
import { createRandom } from "@dual-head/tensor-core";
import { wilsonInterval } from "@dual-head/train";
import { describe, expect, it } from "vitest";

const seed = 20261104;
const promptCount = 300;
/** Win rates of the main table with their printed errors, in percent. */
const printed = [
  [52.3, 1.1],
  [58.7, 0.9],
  [76.2, 0.8],
  [64.8, 0.9],
] as const;
const standardError = (percent: number) => Math.sqrt((percent * (100 - percent)) / promptCount);

/** A draw of wins out of `promptCount`. */
function drawWins(random: { uniform(): number }, rate: number): number {
  let wins = 0;
  for (let prompt = 0; prompt < promptCount; prompt++) if (random.uniform() < rate) wins++;
  return wins;
}

/** The percentile bootstrap interval of a share: resampling outcomes of 0 and 1 draws wins at the share seen. */
function bootstrapInterval(random: { uniform(): number }, wins: number): { low: number; high: number } {
  const shares = Array.from({ length: 200 }, () => drawWins(random, wins / promptCount) / promptCount).sort(
    (a, b) => a - b,
  );
  return { low: shares[4]!, high: shares[195]! };
}

/**
 * @section Experiments
 * @claim Win rates over 300 prompts with errors of ± 0.8 to ± 1.1 points.
 * @verdict too small
 * @statement The binomial standard error at n = 300 is 2.5 to 2.9 points for these win rates, so that half the width of a
 * 95 % interval is about 5. Every share in this project stands with a Wilson or a bootstrap interval.
 */
describe("the standard error of a win rate over 300 prompts is 2.5 to 2.9 points", () => {
  it.each(printed)("%f ± %f is less than half of what 300 prompts allow", (rate, error) => {
    const rounded = Math.round(10 * standardError(rate)) / 10;
    expect(rounded).toBeGreaterThanOrEqual(2.5);
    expect(rounded).toBeLessThanOrEqual(2.9);
    expect(error / standardError(rate)).toBeLessThan(0.5);
  });

  it(`covers the truth in 95 % of draws by Wilson and by bootstrap, in half as many by the printed errors (seed ${seed})`, () => {
    const random = createRandom(seed, "coverage");
    const trials = 600;
    const inside = { wilson: 0, bootstrap: 0, printed: 0 };
    for (let trial = 0; trial < trials; trial++) {
      const [rate, error] = printed[trial % printed.length]!;
      const truth = rate / 100;
      const wins = drawWins(random, truth);
      const share = wins / promptCount;
      const wilson = wilsonInterval(share, promptCount);
      const bootstrap = bootstrapInterval(random, wins);
      if (wilson.low <= truth && truth <= wilson.high) inside.wilson++;
      if (bootstrap.low <= truth && truth <= bootstrap.high) inside.bootstrap++;
      if (Math.abs(share - truth) <= (1.96 * error) / 100) inside.printed++;
    }
    // Three standard errors of a coverage of .95 over 600 trials are .027.
    expect(Math.abs(inside.wilson / trials - 0.95)).toBeLessThan(0.027);
    expect(Math.abs(inside.bootstrap / trials - 0.95)).toBeLessThan(0.035);
    expect(inside.printed / trials).toBeLessThan(0.6);
  });
});
