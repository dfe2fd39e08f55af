// Verdicts in double brackets: [[A]], [[B]], or [[C]] for a tie. Knows no prompt.
import type { Verdict } from "../../judge.ts";

const winners = { A: "first", B: "second", C: "tie" } as const;

/**
 * The last verdict in a text, since a judge may repeat what it was told of the form before it decides; `unparsed` where
 * there is none. Deviation from MT-Bench, which takes A before B before C wherever they stand.
 */
export function parseLetters(text: string): Verdict["winner"] {
  const letter = [...text.matchAll(/\[\[([ABC])\]\]/g)].at(-1)?.[1] as keyof typeof winners | undefined;
  return letter === undefined ? "unparsed" : winners[letter];
}
