// Probabilities from logits, and the choice of one token. Sums run in id order in float64, so results do not depend on
// anything but the numbers; knows nothing of where the logits come from.
import { SamplingError } from "./errors.ts";
import type { Candidates } from "./policy.ts";
import type { Random } from "./random.ts";
import { rankTokens } from "./warps/ranking.ts";

/** Logits of one position, [V]; −∞ excludes a token. */
export type Logits = Float32Array | Float64Array;

/**
 * The token of the largest logit; among equals the lowest id.
 *
 * @throws SamplingError where a logit is NaN or +∞, or all are −∞
 */
export function argmax(logits: Logits): number {
  let best = -1;
  let max = -Infinity;
  for (let id = 0; id < logits.length; id++) {
    const value = logits[id]!;
    if (value > max) {
      max = value;
      best = id;
    } else if (Number.isNaN(value)) {
      throw new SamplingError(id, `the logit of token ${id} is NaN, check the weights and the precision of the device`);
    }
  }
  if (best < 0) throw new SamplingError(null, "every token is excluded, loosen logitBias or minNewTokens");
  if (max === Infinity) throw new SamplingError(best, `the logit of token ${best} is +∞, use finite biases`);
  return best;
}

/**
 * log Σ exp(logits), in nats.
 *
 * @throws SamplingError where a logit is NaN or +∞, or all are −∞
 */
export function logNormalizer(logits: Logits): number {
  const max = logits[argmax(logits)]!;
  let sum = 0;
  for (let id = 0; id < logits.length; id++) sum += Math.exp(logits[id]! - max);
  return max + Math.log(sum);
}

/**
 * log softmax(logits)[token], in nats.
 *
 * @throws SamplingError where a logit is NaN or +∞, or all are −∞
 */
export function logProbability(logits: Logits, token: number): number {
  return logits[token]! - logNormalizer(logits);
}

/**
 * Draws a token from softmax(logits) with one random number, by walking the distribution in id order.
 *
 * @throws SamplingError where a logit is NaN or +∞, or all are −∞
 */
export function sampleToken(logits: Logits, random: Random): number {
  const best = argmax(logits);
  const max = logits[best]!;
  const weights = new Float64Array(logits.length);
  let total = 0;
  for (let id = 0; id < logits.length; id++) {
    const weight = Math.exp(logits[id]! - max);
    weights[id] = weight;
    total += weight;
  }
  let rest = random.uniform() * total;
  for (let id = 0; id < logits.length; id++) {
    rest -= weights[id]!;
    if (rest < 0) return id;
  }
  // Only rounding comes here, with a remainder of a few units in the last place.
  return best;
}

/**
 * The `count` most likely tokens of given logits, fewer where the others are excluded: `Step.candidates` for policies that
 * hold their logits anyway.
 *
 * @throws SamplingError where a logit is NaN or +∞, or all are −∞
 */
export function candidatesOf(logits: Logits, count: number): Candidates {
  const normalizer = logNormalizer(logits);
  const ids: number[] = [];
  for (const id of rankTokens(logits)) {
    if (ids.length === count) break;
    ids.push(id);
  }
  return { ids, logits: ids.map((id) => logits[id]!), logNormalizer: normalizer };
}
