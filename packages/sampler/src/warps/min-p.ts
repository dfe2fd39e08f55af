// Min-p: leaves the tokens that are not too much less likely than the most likely one.
import { argmax } from "../distribution.ts";

/**
 * Excludes each token with probability below minP · max probability, which is z < max z + ln minP. The most likely token
 * always stays.
 *
 * @param logits [V]
 * @param minP in [0, 1]; 0 excludes nothing
 */
export function keepMinP(logits: Float64Array, minP: number): Float64Array {
  const floor = logits[argmax(logits)]! + Math.log(minP);
  return logits.map((value) => (value < floor ? -Infinity : value));
}
