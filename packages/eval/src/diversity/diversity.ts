// How varied responses are, by n-grams of whitespace tokens, in the two forms in use. Knows no tokenizer and no model.
import { type MeanEstimate, meanInterval } from "../intervals/mean.ts";
import { MetricError } from "../metric-error.ts";

const lengths = [2, 3, 4] as const;

/** Diversity of responses. Both forms fall with length: compare figures of similar mean lengths only. */
export interface Diversity {
  readonly count: number;
  /** Tokens are what whitespace parts, punctuation included in them. */
  readonly tokens: "whitespace";
  /**
   * ARGS' form: Π_{n=2..4} U_n / (N_n + 1) of each response, U_n of its N_n n-grams distinct, then the mean, with Student's
   * interval. In [0, 1); 0 for a response of fewer than four tokens, and never 1 because of the + 1.
   */
  readonly perResponse: MeanEstimate;
  /**
   * SimCTG's form: Π_{n=2..4} U_n / N_n of the n-grams of all responses together, in (0, 1]; null where no response has
   * four tokens. It falls as responses are added, so that it has no interval by resampling.
   */
  readonly pooled: number | null;
  /** 1 − U_n / N_n of all responses together, n = 2, 3, 4; null where there are no n-grams. */
  readonly repetition: readonly [number | null, number | null, number | null];
  /** Tokens a response. */
  readonly meanLength: number;
}

/**
 * Measures the diversity of responses in both forms, with their mean length beside it.
 *
 * @throws MetricError ("empty") where there are no responses
 */
export function diversityOf(responses: readonly string[]): Diversity {
  if (responses.length === 0) throw new MetricError("diversity", "empty", "there are no responses; give at least one");
  const tokenised = responses.map((response) => response.split(/\s+/u).filter((token) => token !== ""));
  const pooled = lengths.map((n) => countNgrams(tokenised, n));
  const share = (at: number) => (pooled[at]!.total === 0 ? null : pooled[at]!.distinct / pooled[at]!.total);
  const shares = [share(0), share(1), share(2)] as const;
  const repetitionOf = (each: number | null) => (each === null ? null : 1 - each);
  return {
    count: responses.length,
    tokens: "whitespace",
    perResponse: meanInterval(tokenised.map(diversityOfResponse)),
    pooled: shares.some((each) => each === null) ? null : shares.reduce<number>((product, each) => product * each!, 1),
    repetition: [repetitionOf(shares[0]), repetitionOf(shares[1]), repetitionOf(shares[2])],
    meanLength: tokenised.reduce((sum, tokens) => sum + tokens.length, 0) / responses.length,
  };
}

function diversityOfResponse(tokens: readonly string[]): number {
  return lengths.reduce((product, n) => {
    const { distinct, total } = countNgrams([tokens], n);
    return (product * distinct) / (total + 1);
  }, 1);
}

/** N-grams within each text and how many of all are distinct; none spans two texts. */
function countNgrams(texts: readonly (readonly string[])[], n: number): { distinct: number; total: number } {
  const seen = new Set<string>();
  let total = 0;
  for (const tokens of texts) {
    // No token holds a space, so that joined n-grams are equal only where all tokens are.
    for (let at = 0; at + n <= tokens.length; at++, total++) seen.add(tokens.slice(at, at + n).join(" "));
  }
  return { distinct: seen.size, total };
}
