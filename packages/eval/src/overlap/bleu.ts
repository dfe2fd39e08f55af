// BLEU of one sentence against one reference, as TruthfulQA measures it. Knows no corpus.

const orderLimit = 4;

/**
 * Words with punctuation and symbols apart, by the international rules of mteval-v14: punctuation is parted from what is no
 * digit beside it, symbols from everything, so that `3.5` stays one word.
 */
export function tokenizeInternational(text: string): readonly string[] {
  const spaced = text
    .trimEnd()
    .replace(/(\P{N})(\p{P})/gu, "$1 $2 ")
    .replace(/(\p{P})(\P{N})/gu, " $1 $2")
    .replace(/\p{S}/gu, " $& ");
  return spaced.split(/\s+/u).filter((token) => token !== "");
}

/**
 * BLEU of one candidate against one reference, 0 to 100: exp(mean_{n=1..4} ln p_n) · min(1, e^(1 − r/c)), p_n the share of the
 * candidate's n-grams that the reference has, each as often as there. An order without matches has p_n halved once more for
 * each such order (`exp` smoothing of sacreBLEU); candidates of fewer than four words, and ones without any match, have 0.
 */
export function bleu(candidate: string, reference: string): number {
  const [own, other] = [tokenizeInternational(candidate), tokenizeInternational(reference)];
  if (own.length < orderLimit) return 0;
  let [logSum, matches, smoothing] = [0, 0, 1];
  for (let order = 1; order <= orderLimit; order++) {
    const total = own.length - order + 1;
    const found = countOverlap(ngramsOf(own, order), ngramsOf(other, order));
    matches += found;
    if (found === 0) smoothing *= 2;
    logSum += Math.log((found === 0 ? 1 / smoothing : found) / total);
  }
  if (matches === 0) return 0;
  const brevity = own.length < other.length ? Math.exp(1 - other.length / own.length) : 1;
  return 100 * brevity * Math.exp(logSum / orderLimit);
}

/** How often each n-gram occurs. Tokens must not hold a space. */
export function ngramsOf(tokens: readonly string[], order: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (let at = 0; at + order <= tokens.length; at++) {
    const ngram = tokens.slice(at, at + order).join(" ");
    counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
  }
  return counts;
}

/** Σ over n-grams of the smaller of both counts. */
export function countOverlap(first: ReadonlyMap<string, number>, second: ReadonlyMap<string, number>): number {
  let overlap = 0;
  for (const [ngram, count] of first) overlap += Math.min(count, second.get(ngram) ?? 0);
  return overlap;
}
