// Cuts control tokens out of a text, where the caller says that they may be there.
// It does not know models: what lies between control tokens is for others to encode.
import { PieceTrie } from "./algorithms/piece-trie.ts";

/** A control token and how its neighbours are read. */
export interface SpecialToken {
  readonly id: number;
  readonly content: string;
  /** Whether white space before it belongs to it; false. */
  readonly lstrip?: boolean;
  /** Whether white space after it belongs to it; false. */
  readonly rstrip?: boolean;
  /** Whether it counts only where no letter or digit touches it; false. */
  readonly singleWord?: boolean;
}

/** From a place in a text, inclusive, to another, exclusive, in code units. */
export type TextRange = readonly [start: number, end: number];

/** A stretch of text, or the id of a control token between two of them. */
export type TextPart = string | number;

const wordEnd = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const wordStart = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const spaceEnd = /\p{White_Space}+$/u;
const spaceStart = /^\p{White_Space}+/u;

function standsAlone(text: string, start: number, end: number): boolean {
  // Two code units hold any character.
  return !wordEnd.test(text.slice(Math.max(0, start - 2), start)) && !wordStart.test(text.slice(end, end + 2));
}

/** Makes a function that cuts texts at control tokens, the leftmost and longest first, outside of literal ranges. */
export function createSpecialSplitter(
  tokens: readonly SpecialToken[],
): (text: string, literal: readonly TextRange[]) => readonly TextPart[] {
  const trie = new PieceTrie(tokens.map(({ content }, index) => [content, index] as const));
  return (text, literal) => {
    const ranges = literal.filter(([start, end]) => start < end).sort((a, b) => a[0] - b[0]);
    const parts: TextPart[] = [];
    let begin = 0;
    let strip = false;
    const addText = (end: number, stripEnd: boolean): void => {
      let part = text.slice(begin, end);
      if (strip) part = part.replace(spaceStart, "");
      if (stripEnd) part = part.replace(spaceEnd, "");
      if (part !== "") parts.push(part);
    };
    let range = 0;
    for (let place = 0; place < text.length; ) {
      while (range < ranges.length && ranges[range]![1] <= place) range++;
      const limit = ranges[range]?.[0] ?? text.length;
      let found: SpecialToken | null = null;
      if (place < limit) {
        trie.visit(text, place, (index, end) => {
          const token = tokens[index]!;
          if (end <= limit && (token.singleWord !== true || standsAlone(text, place, end))) found = token;
        });
      }
      const token = found as SpecialToken | null;
      if (token === null) {
        place++;
        continue;
      }
      addText(place, token.lstrip === true);
      parts.push(token.id);
      place += token.content.length;
      begin = place;
      strip = token.rstrip === true;
    }
    addText(text.length, false);
    return parts;
  };
}
