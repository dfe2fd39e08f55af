// Normalised text to ids of a sentencepiece-like vocabulary: by merging or by the best path, bytes for what is unknown.
// It does not know normalisation or control tokens.
import { findBestPath } from "../algorithms/best-path.ts";
import { mergeSymbols } from "../algorithms/merge-symbols.ts";
import { PieceTrie } from "../algorithms/piece-trie.ts";
import { rememberWords } from "../algorithms/word-memory.ts";
import { isTextKind, type Piece } from "./piece.ts";

/** How a vocabulary cuts text. */
export interface PieceModel {
  readonly pieces: readonly Piece[];
  readonly algorithm: "bpe" | "unigram";
  /** The id of each byte, or null where bytes cannot stand in for unknown text. */
  readonly byteIds: readonly number[] | null;
  /** The id of what has no piece, or null. */
  readonly unknownId: number | null;
  /** The character that the vocabulary writes for a space. */
  readonly space: "\u2581" | " ";
}

/** Ids of normalised text; undefined stands for a stretch that has none. */
export type PieceEncoder = (text: string) => readonly (number | undefined)[];

// What an unknown character costs beyond the least likely piece, and what a user's piece gains per byte: as trained.
const unknownPenalty = 10;
const userPieceOffset = 0.1;

function utf8Length(text: string): number {
  let length = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return length;
}

type IdOf = (text: string) => number | undefined;

/** Ids of text parts, of which neighbours without a piece become bytes, or one unknown together. */
function createIdLookup({ byteIds, unknownId }: PieceModel, idOf: IdOf): (parts: readonly string[]) => number[] {
  const encoder = new TextEncoder();
  return (parts) => {
    const ids: (number | undefined)[] = [];
    let wasUnknown = false;
    for (const part of parts) {
      const id = idOf(part);
      if (id !== undefined) ids.push(id);
      else if (byteIds !== null) for (const byte of encoder.encode(part)) ids.push(byteIds[byte]);
      else if (!wasUnknown) ids.push(unknownId ?? undefined);
      wasUnknown = id === undefined;
    }
    return ids as number[];
  };
}

function createMergeEncoder(model: PieceModel, textIds: ReadonlyMap<string, number>): PieceEncoder {
  const { pieces, space } = model;
  const userPieces = [...textIds].filter(([, id]) => pieces[id]!.kind === "userDefined");
  const userTrie = userPieces.length === 0 ? null : new PieceTrie(userPieces);
  const toIds = createIdLookup(model, (text) => textIds.get(text));

  const mergeText = (text: string): readonly number[] => {
    // Pieces marked unused take part in merging, but end as the two that they were merged of.
    const halves = new Map<string, readonly [string, string]>();
    const merged = mergeSymbols([...text], (left, right) => {
      const both = left + right;
      const id = textIds.get(both);
      if (id === undefined) return undefined;
      const { kind, score } = pieces[id]!;
      if (kind === "unused") halves.set(both, [left, right]);
      return -score;
    });
    if (halves.size === 0) return toIds(merged);
    const parts: string[] = [];
    const open = [...merged].reverse();
    for (let part = open.pop(); part !== undefined; part = open.pop()) {
      const half = halves.get(part);
      if (half === undefined) parts.push(part);
      else open.push(half[1], half[0]);
    }
    return toIds(parts);
  };

  // Where no piece reaches from a word into the space after it, words can be cut, and remembered, one by one.
  const crossing = new RegExp(`[^${space}]${space}`, "u");
  const byWords = ![...textIds.keys()].some((text) => crossing.test(text));
  const words = new RegExp(`${space}*[^${space}]+|${space}+`, "gu");
  // A run of unknown characters gives one id, also across the end of a word.
  const joinsUnknown = model.byteIds === null;
  const mergeWord = rememberWords(mergeText);
  const encodeStretch = (text: string): readonly (number | undefined)[] => {
    if (!byWords || joinsUnknown) return mergeText(text);
    return (text.match(words) ?? []).flatMap((word) => mergeWord(word));
  };
  if (userTrie === null) return encodeStretch;

  return (text) => {
    const ids: (number | undefined)[] = [];
    let begin = 0;
    for (let place = 0; place < text.length; ) {
      const found = userTrie.longest(text, place);
      if (found === null) {
        place++;
        continue;
      }
      if (begin < place) ids.push(...encodeStretch(text.slice(begin, place)));
      ids.push(found.value);
      place = found.end;
      begin = place;
    }
    if (begin < text.length) ids.push(...encodeStretch(text.slice(begin)));
    return ids;
  };
}

function createPathEncoder(model: PieceModel, textIds: ReadonlyMap<string, number>): PieceEncoder {
  const { pieces } = model;
  const usable = [...textIds].filter(([, id]) => pieces[id]!.kind !== "unused");
  const normal = pieces.filter(({ kind }) => kind === "normal").map(({ score }) => score);
  const least = normal.reduce((a, b) => Math.min(a, b), 0);
  const most = normal.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const scores = new Map(
    usable.map(([text, id]) => {
      const { kind, score } = pieces[id]!;
      if (kind === "normal") return [id, Math.fround(score)] as const;
      return [id, Math.fround(utf8Length(text) * Math.max(most, least)) - userPieceOffset] as const;
    }),
  );
  const trie = new PieceTrie(usable);
  const toIds = createIdLookup(model, (text) => textIds.get(text));
  return (text) => {
    const path = findBestPath(text, trie, (id) => scores.get(id)!, least - unknownPenalty);
    const ids: (number | undefined)[] = [];
    let unknown: string[] = [];
    const endUnknown = (): void => {
      if (unknown.length > 0) ids.push(...toIds(unknown));
      unknown = [];
    };
    for (const { value, text: part } of path) {
      if (value === null) unknown.push(part);
      else {
        endUnknown();
        ids.push(value);
      }
    }
    endUnknown();
    return ids;
  };
}

/** Makes the function that cuts normalised text. */
export function createPieceEncoder(model: PieceModel): PieceEncoder {
  const textIds = new Map<string, number>();
  model.pieces.forEach(({ text, kind }, id) => {
    if (isTextKind(kind) && text !== "" && !textIds.has(text)) textIds.set(text, id);
  });
  return model.algorithm === "bpe" ? createMergeEncoder(model, textIds) : createPathEncoder(model, textIds);
}
