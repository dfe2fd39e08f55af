// Verdicts of one token, with the likelihoods of its rivals where they are told. Knows no prompt.
import type { Verdict } from "../../judge.ts";
import type { TokenLogprob } from "../response.ts";

/** The tokens that name the first and the second answer; their cases differ or their letters. */
export type TokenNames = readonly [first: string, second: string];

/**
 * The preference in [1, 2] from the likeliest first tokens: 1 + p(second)/(p(first) + p(second)), tokens with a space
 * counting as those without. A name not among them counts 0, and null where neither is.
 *
 * Deviation from AlpacaEval 2, which counts the very token only.
 */
export function preferenceOf(tokens: readonly TokenLogprob[], [first, second]: TokenNames): number | null {
  const likelihood = (name: string): readonly number[] =>
    tokens.filter(({ token, logprob }) => token.trim() === name && logprob <= 0).map(({ logprob }) => logprob);
  const [ofFirst, ofSecond] = [likelihood(first), likelihood(second)];
  const highest = Math.max(...ofFirst, ...ofSecond);
  if (highest === Number.NEGATIVE_INFINITY) return null;
  // Relative to the likelier, so that the smallest likelihoods do not vanish.
  const sum = (logprobs: readonly number[]) => logprobs.reduce((total, each) => total + Math.exp(each - highest), 0);
  return 1 + sum(ofSecond) / (sum(ofFirst) + sum(ofSecond));
}

/** Whom the text names, if it is one of the names, with a full stop or quotes around it or without. */
export function parseOneToken(text: string, [first, second]: TokenNames): Verdict["winner"] {
  const named = text.trim().replaceAll(/^["'`([*]+|["'`)\].*]+$/g, "");
  return named === first ? "first" : named === second ? "second" : "unparsed";
}
