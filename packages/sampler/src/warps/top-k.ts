// Top-k: leaves the k most likely tokens.
import { keepTokens, rankTokens } from "./ranking.ts";

/**
 * Excludes all but the k largest logits. Exactly k are left (fewer where fewer are possible): of equals at the border the
 * lower ids stay, where the `transformers` library keeps them all.
 *
 * @param logits [V]
 * @param topK k ≥ 1
 */
export function keepTopK(logits: Float64Array, topK: number): Float64Array {
  if (topK >= logits.length) return logits.slice();
  const kept: number[] = [];
  for (const id of rankTokens(logits)) {
    kept.push(id);
    if (kept.length === topK) break;
  }
  return keepTokens(logits, kept);
}
