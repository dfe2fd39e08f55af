// The policy the paper aims at and the one that tokens can reach, by enumerating all responses. Plain numbers: knows no
// tensor, no head and no gate.

/** All responses of `length` tokens below `vocabSize`, V^T of them, in lexicographic order. */
export interface ResponseSpace {
  readonly vocabSize: number;
  readonly length: number;
}

/** A number for each next token after a prefix: log-probabilities of a policy, or rewards of tokens. */
export type NextTokenValues = (prefix: readonly number[]) => readonly number[];

/** The responses of a space, in the order of all the policies here. */
export function responsesOf({ vocabSize, length }: ResponseSpace): readonly (readonly number[])[] {
  let responses: readonly (readonly number[])[] = [[]];
  for (let step = 0; step < length; step++) {
    responses = responses.flatMap((prefix) => Array.from({ length: vocabSize }, (_, token) => [...prefix, token]));
  }
  return responses;
}

/**
 * Σ_t values(y_<t)[y_t] of a response: its log-probability under a policy, or its reward where tokens have rewards.
 */
export function sumOverTokens(values: NextTokenValues, response: readonly number[]): number {
  return response.reduce((sum, token, at) => sum + values(response.slice(0, at))[token]!, 0);
}

/** The logarithm of Σ e^x, without overflow: the normaliser of log-weights. */
export function logSumExp(values: readonly number[]): number {
  const highest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return highest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - highest), 0));
}

/**
 * The target policy π(y|x) = π_base(y|x)·exp(r(x, y)/β)/Z, normalised once over all V^T responses: the log-probability
 * of each.
 *
 * @param base log π_base(y_t | x, y_<t)
 * @param reward r(x, y) of a whole response
 * @equation E1
 */
export function targetPolicy(
  space: ResponseSpace,
  base: NextTokenValues,
  reward: (response: readonly number[]) => number,
  beta: number,
): readonly number[] {
  const weights = responsesOf(space).map((response) => sumOverTokens(base, response) + reward(response) / beta);
  const logZ = logSumExp(weights);
  return weights.map((weight) => weight - logZ);
}

/**
 * The token-wise policy Π_t π_base(y_t|x, y_<t)·exp(r_t/β)/Z_t(x, y_<t), normalised anew after each prefix, as decoding
 * must: the log-probability of each response.
 *
 * @param tokenReward r_t of each next token; the reward of a response is their sum
 */
export function tokenWisePolicy(
  space: ResponseSpace,
  base: NextTokenValues,
  tokenReward: NextTokenValues,
  beta: number,
): readonly number[] {
  const fused = (prefix: readonly number[]) => {
    const rewards = tokenReward(prefix);
    const weights = base(prefix).map((value, token) => value + rewards[token]! / beta);
    const logZ = logSumExp(weights);
    return weights.map((weight) => weight - logZ);
  };
  return responsesOf(space).map((response) => sumOverTokens(fused, response));
}

/** KL(p‖q) in nats of two distributions given by log-probabilities. */
export function klDivergence(logP: readonly number[], logQ: readonly number[]): number {
  return logP.reduce((sum, value, at) => sum + (value > -Infinity ? Math.exp(value) * (value - logQ[at]!) : 0), 0);
}
