// Top-p (nucleus): leaves the smallest set of most likely tokens that holds a given mass.
import { logNormalizer } from "../distribution.ts";
import { keepTokens, rankTokens } from "./ranking.ts";

/**
 * Walks tokens from the most likely and keeps each whose predecessors hold less than p; at least one is left. Of equals at
 * the border the lower ids stay.
 *
 * @param logits [V]
 * @param topP p in (0, 1]; 1 excludes nothing
 */
export function keepTopP(logits: Float64Array, topP: number): Float64Array {
  // The running sum may reach 1 before the last token by rounding alone.
  if (topP >= 1) return logits.slice();
  const normalizer = logNormalizer(logits);
  const kept: number[] = [];
  let mass = 0;
  for (const id of rankTokens(logits)) {
    if (kept.length > 0 && mass >= topP) break;
    kept.push(id);
    mass += Math.exp(logits[id]! - normalizer);
  }
  return keepTokens(logits, kept);
}
