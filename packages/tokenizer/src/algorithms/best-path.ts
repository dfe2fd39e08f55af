// The unigram model's one algorithm: the cut of a text into pieces whose scores sum to the most.
// Sums are rounded as the code rounds them that it agrees with, so that near ties fall the same way.
import type { PieceTrie } from "./piece-trie.ts";

/** A piece of the best cut; the value is null where no piece covers the character. */
export interface PathPiece {
  readonly value: number | null;
  readonly text: string;
}

/**
 * The best cut of a text (Viterbi); takes as many steps as there are matches of pieces.
 *
 * @param trie the pieces that may be used
 * @param scoreOf the score of a piece, in nats
 * @param unknownScore the score of a character that no piece of one character covers
 * @param precision how sums are kept: f32 as in sentencepiece, f64 as in tokenizer.json
 */
export function findBestPath(
  text: string,
  trie: PieceTrie,
  scoreOf: (value: number) => number,
  unknownScore: number,
  precision: "f32" | "f64" = "f32",
): readonly PathPiece[] {
  const { length } = text;
  const best = precision === "f32" ? new Float32Array(length + 1) : new Float64Array(length + 1);
  const starts = new Int32Array(length + 1).fill(-1);
  const values = new Int32Array(length + 1).fill(-1);
  const round = precision === "f32" ? Math.fround : (sum: number) => sum;
  const unknown = round(unknownScore);
  for (let place = 0; place < length; ) {
    const characterEnd = place + (text.codePointAt(place)! > 0xffff ? 2 : 1);
    const reached = best[place]!;
    let covered = false;
    trie.visit(text, place, (value, end) => {
      const sum = scoreOf(value) + reached;
      if (starts[end]! < 0 || sum > best[end]!) {
        best[end] = sum;
        starts[end] = place;
        values[end] = value;
      }
      covered ||= end === characterEnd;
    });
    if (!covered) {
      const sum = round(unknown + reached);
      if (starts[characterEnd]! < 0 || sum > best[characterEnd]!) {
        best[characterEnd] = sum;
        starts[characterEnd] = place;
        values[characterEnd] = -1;
      }
    }
    place = characterEnd;
  }
  const path: PathPiece[] = [];
  for (let end = length; end > 0; end = starts[end]!) {
    const value = values[end]!;
    path.push({ value: value < 0 ? null : value, text: text.slice(starts[end]!, end) });
  }
  return path.reverse();
}
