// ROUGE of one text against one reference: shared n-grams and the longest common subsequence. Knows no corpus.
import { countOverlap, ngramsOf } from "./bleu.ts";

/** F-measures of ROUGE, 0 to 100. */
export interface Rouge {
  readonly rouge1: number;
  readonly rouge2: number;
  readonly rougeL: number;
}

/** Lower-case runs of the letters a to z and digits: what ROUGE compares, without stemming. Other scripts have no tokens. */
export function tokenizeRouge(text: string): readonly string[] {
  return text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
}

/**
 * ROUGE-1, -2 and -L of a candidate: F = 2PR/(P + R), P and R the shares of the candidate's and the reference's n-grams (of
 * their tokens, for -L the longest common subsequence) that are in both. 0 where either has none.
 *
 * Deviation from TruthfulQA, which takes the longest common subsequence sentence by sentence: here it is of whole texts,
 * the same for the single sentences of its references.
 */
export function rouge(candidate: string, reference: string): Rouge {
  const [own, other] = [tokenizeRouge(candidate), tokenizeRouge(reference)];
  const ngramF = (order: number) =>
    fMeasure(
      countOverlap(ngramsOf(own, order), ngramsOf(other, order)),
      Math.max(0, own.length - order + 1),
      Math.max(0, other.length - order + 1),
    );
  return {
    rouge1: ngramF(1),
    rouge2: ngramF(2),
    rougeL: fMeasure(commonLength(own, other), own.length, other.length),
  };
}

function fMeasure(shared: number, own: number, other: number): number {
  return shared === 0 ? 0 : (100 * 2 * shared) / (own + other);
}

/** The length of the longest common subsequence, row by row of its table. */
function commonLength(first: readonly string[], second: readonly string[]): number {
  let previous = new Uint32Array(second.length + 1);
  for (const token of first) {
    const row = new Uint32Array(second.length + 1);
    for (const [at, other] of second.entries()) {
      row[at + 1] = token === other ? previous[at]! + 1 : Math.max(previous[at + 1]!, row[at]!);
    }
    previous = row;
  }
  return previous.at(-1)!;
}
