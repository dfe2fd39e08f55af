// Two scores on a line of their own, the first answer's and the second's. Knows no prompt.
import type { Scale } from "./rating.ts";

const line = /^\s*(\d+(?:\.\d+)?)(?:\s*[,/;]\s*|\s+)(\d+(?:\.\d+)?)\s*$/;

/** The scores of the first line that holds two numbers and nothing else; null where there is none, or one is off the scale. */
export function parseTwoScores(text: string, { least, most }: Scale): readonly [number, number] | null {
  for (const each of text.split(/\r\n|\r|\n/)) {
    const found = line.exec(each);
    if (found === null) continue;
    const scores = [Number(found[1]), Number(found[2])] as const;
    return scores.every((score) => score >= least && score <= most) ? scores : null;
  }
  return null;
}
