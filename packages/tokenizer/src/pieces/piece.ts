// A piece of a sentencepiece-like vocabulary, and what its kind allows. It does not know file formats.

/** What a piece is for. */
export type PieceKind = "normal" | "unknown" | "control" | "userDefined" | "unused" | "byte";

/** One entry of a vocabulary; its id is its place. */
export interface Piece {
  readonly text: string;
  /** Natural logarithm of its probability (unigram), or the order of merging, the higher first (BPE). */
  readonly score: number;
  readonly kind: PieceKind;
}

const kinds: readonly (PieceKind | undefined)[] = [
  undefined,
  "normal",
  "unknown",
  "control",
  "userDefined",
  "unused",
  "byte",
];

/** The kind that sentencepiece and GGUF write as a number from 1 to 6, or undefined. */
export function pieceKindOf(code: number): PieceKind | undefined {
  return kinds[code];
}

/** Kinds that text can become: control tokens, the unknown and bytes are none of them. */
export function isTextKind(kind: PieceKind): boolean {
  return kind === "normal" || kind === "userDefined" || kind === "unused";
}

/** Ids by byte of pieces `<0x00>` to `<0xFF>`, or null where some are missing. */
export function findByteIds(pieces: readonly Piece[]): readonly number[] | null {
  const ids: number[] = [];
  pieces.forEach(({ text, kind }, id) => {
    if (kind === "byte") ids[Number.parseInt(text.slice(3, 5), 16)] ??= id;
  });
  return ids.length === 256 && !ids.includes(undefined as never) ? ids : null;
}

/** Whether a piece has the name of a byte. */
export function isByteName(text: string): boolean {
  return /^<0x[0-9A-F]{2}>$/.test(text);
}
