// Logit bias: a caller's own preference for single tokens.

/**
 * Adds a bias to the logits of the tokens it names; −∞ excludes a token.
 *
 * @param logits [V]
 * @param bias nats by token id
 */
export function addLogitBias(logits: Float64Array, bias: ReadonlyMap<number, number>): Float64Array {
  const biased = logits.slice();
  for (const [id, value] of bias) biased[id] = logits[id]! + value;
  return biased;
}
