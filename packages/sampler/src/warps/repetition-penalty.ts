// Repetition penalty: makes tokens that have occurred less likely.

/**
 * For each token seen, divides a positive logit by the penalty and multiplies a negative one with it, once however often
 * it was seen.
 *
 * @param logits [V]
 * @param penalty above 0; 1 changes nothing, less than 1 encourages repetition
 * @param seen ids of prompt and new tokens
 */
export function penalizeRepetition(logits: Float64Array, penalty: number, seen: ReadonlySet<number>): Float64Array {
  const penalized = logits.slice();
  for (const id of seen) {
    const value = logits[id]!;
    penalized[id] = value < 0 ? value * penalty : value / penalty;
  }
  return penalized;
}
