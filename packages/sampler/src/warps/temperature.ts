// Temperature: flattens (above 1) or sharpens (below 1) the distribution.

/**
 * z / T. Temperature 0 (greedy) is no warp: the caller takes the largest logit instead.
 *
 * @param logits [V]
 * @param temperature T > 0
 */
export function scaleByTemperature(logits: Float64Array, temperature: number): Float64Array {
  return logits.map((value) => value / temperature);
}
