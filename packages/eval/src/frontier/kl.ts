// KL divergence of a policy from its base in nats, from log-probabilities of tokens. Knows no policy and no reward.
import { checkSameLength, MetricError } from "../metric-error.ts";

const metric = "a KL divergence";
// Probabilities in f32 over a large vocabulary sum to 1 within this.
const normalisationLimit = 1e-3;

/**
 * log softmax(logits / temperature), in double precision; −∞ where a logit is −∞.
 *
 * @throws MetricError where the temperature is not above 0 or no logit is finite
 */
export function logProbabilitiesOf(logits: ArrayLike<number>, temperature: number = 1): Float64Array {
  if (!(temperature > 0 && temperature < Number.POSITIVE_INFINITY)) {
    throw new MetricError(metric, "bad-options", `the temperature is ${temperature}; give one above 0`);
  }
  let largest = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) if (!(logits[id]! <= largest)) largest = logits[id]!;
  if (!Number.isFinite(largest)) {
    throw new MetricError(metric, "not-finite", `the largest logit is ${largest}; it must be a finite number`);
  }
  const row = new Float64Array(logits.length);
  let sum = 0;
  for (let id = 0; id < row.length; id++) {
    row[id] = (logits[id]! - largest) / temperature;
    sum += Math.exp(row[id]!);
  }
  const normalizer = Math.log(sum);
  for (let id = 0; id < row.length; id++) row[id]! -= normalizer;
  return row;
}

/**
 * KL(π ‖ π_base) = Σ_v π(v) (ln π(v) − ln π_base(v)) of one next-token distribution, in nats: at least 0, and ∞ where the
 * base excludes what the policy allows.
 *
 * @param policy log-probabilities [V], nats
 * @param base log-probabilities [V], nats
 * @throws MetricError where the lengths differ ("mismatch") or a row is not normalised, such as logits ("out-of-range")
 */
export function tokenKl(policy: ArrayLike<number>, base: ArrayLike<number>): number {
  checkSameLength(metric, policy, base);
  let kl = 0;
  let [policySum, baseSum] = [0, 0];
  for (let id = 0; id < policy.length; id++) {
    const probability = Math.exp(policy[id]!);
    policySum += probability;
    baseSum += Math.exp(base[id]!);
    if (probability > 0) kl += probability * (policy[id]! - base[id]!);
  }
  for (const [name, sum] of [
    ["policy's", policySum],
    ["base's", baseSum],
  ] as const) {
    if (Math.abs(sum - 1) < normalisationLimit) continue;
    const reason = `the ${name} probabilities sum to ${sum}; give log-probabilities, which sum to 1 after exp`;
    throw new MetricError(metric, "out-of-range", reason);
  }
  return Math.max(0, kl);
}

/**
 * Σ_t KL(π(·|x, y_<t) ‖ π_base(·|x, y_<t)) over the tokens of one response, in nats: exact in each token, and over
 * responses drawn from π an unbiased estimate of the KL of whole sequences, of less variance than `sampledKl`.
 *
 * @param policyRows log-probabilities [V] of each token of the response, its end included
 * @param baseRows of the base after the same tokens
 * @throws MetricError where the lengths differ or a row is not normalised
 */
export function sequenceKl(policyRows: readonly ArrayLike<number>[], baseRows: readonly ArrayLike<number>[]): number {
  checkSameLength(metric, policyRows, baseRows);
  return policyRows.reduce((sum, row, at) => sum + tokenKl(row, baseRows[at]!), 0);
}

/**
 * ln π(y|x) − ln π_base(y|x) of one response drawn from π, in nats: an unbiased estimate of the KL of whole sequences,
 * which may be negative.
 *
 * @param policy log-probability of each token of the response, nats
 * @param base of the base
 * @throws MetricError where the lengths differ or the policy cannot have drawn a token
 */
export function sampledKl(policy: ArrayLike<number>, base: ArrayLike<number>): number {
  checkSameLength(metric, policy, base);
  let kl = 0;
  for (let at = 0; at < policy.length; at++) {
    if (!(policy[at]! > Number.NEGATIVE_INFINITY)) {
      const reason = `the policy gives token ${at} the log-probability ${policy[at]}; score what was drawn from it`;
      throw new MetricError(metric, "not-finite", reason, at);
    }
    kl += policy[at]! - base[at]!;
  }
  return kl;
}
