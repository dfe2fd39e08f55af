// Byte-level BPE over the vocabulary of a GGUF file: words to bytes, bytes to tokens by the order of merges.
// It does not know files; the words are cut by the rules it is given.
import { byteCharacters, bytesOfPiece, spellBytes } from "../algorithms/byte-pieces.ts";
import { mergeSymbols } from "../algorithms/merge-symbols.ts";
import { rememberWords } from "../algorithms/word-memory.ts";
import { assembleTokenizer } from "../assemble-tokenizer.ts";
import { createSurfaceStream, type Surface } from "../detokenizer.ts";
import { isTextKind, type Piece } from "../pieces/piece.ts";
import { createSpecialSplitter } from "../special-tokens.ts";
import type { Tokenizer } from "../tokenizer.ts";
import type { TokenizerConfig } from "../tokenizer-config.ts";
import { cutWords, type WordRules } from "./word-patterns.ts";

/** What a byte-level vocabulary is made of. */
export interface ByteLevelOptions {
  readonly config: TokenizerConfig;
  readonly sha256: string;
  readonly description: string;
  readonly pieces: readonly Piece[];
  /** Pairs separated by a space, the first joined first. */
  readonly merges: readonly string[];
  readonly rules: WordRules;
  readonly unknownId: number | null;
  readonly bosId: number | null;
  readonly eosTokens: readonly number[];
  readonly frame: { readonly before: readonly number[]; readonly after: readonly number[] };
}

/** Creates a byte-level tokenizer. */
export function createByteLevelTokenizer(options: ByteLevelOptions): Tokenizer {
  const { pieces, rules } = options;
  const ids = new Map<string, number>();
  pieces.forEach(({ text, kind }, id) => {
    if (isTextKind(kind) && text !== "" && !ids.has(text)) ids.set(text, id);
  });
  const ranks = new Map<string, number>();
  options.merges.forEach((merge, rank) => {
    if (!ranks.has(merge)) ranks.set(merge, rank);
  });
  const listOf = (...kinds: readonly Piece["kind"][]) =>
    pieces.flatMap(({ text, kind }, id) => (kinds.includes(kind) && text !== "" ? [{ id, content: text }] : []));
  const userPieces = listOf("userDefined");
  const splitUser = userPieces.length === 0 ? null : createSpecialSplitter(userPieces);
  const encoder = new TextEncoder();

  const encodeWord = rememberWords((word): readonly (number | undefined)[] => {
    const symbols = Array.from(encoder.encode(word), (byte) => byteCharacters[byte]!);
    if (rules.wholeWords) {
      const id = ids.get(symbols.join(""));
      if (id !== undefined) return [id];
    }
    const merged = mergeSymbols(symbols, (left, right) => ranks.get(`${left} ${right}`));
    return merged.flatMap((text) => {
      const id = ids.get(text);
      if (id !== undefined) return [id];
      // A merge that gives no token falls apart into its bytes.
      return Array.from(text, (character) => ids.get(character) ?? options.unknownId ?? undefined);
    });
  });
  const encodeText = (text: string): readonly (number | undefined)[] =>
    cutWords(text, rules.patterns).flatMap((word) => encodeWord(word));
  const surfaceOf = (id: number): Surface => {
    const piece = pieces[id];
    if (piece === undefined) return null;
    return piece.kind === "normal" || piece.kind === "unused" ? (bytesOfPiece(piece.text) ?? piece.text) : piece.text;
  };

  return assembleTokenizer({
    config: options.config,
    sha256: options.sha256,
    description: options.description,
    vocabSize: pieces.length,
    special: listOf("control", "unknown"),
    bosToken: options.bosId,
    eosTokens: options.eosTokens,
    frame: options.frame,
    encodeText(text) {
      if (splitUser === null) return encodeText(text);
      return splitUser(text, []).flatMap((part) => (typeof part === "number" ? [part] : encodeText(part)));
    },
    createStream: (isShown) => createSurfaceStream((id) => (isShown(id) ? surfaceOf(id) : null)),
    tokenText(id) {
      const surface = surfaceOf(id);
      if (surface === null) return `<id ${id}>`;
      if (typeof surface === "string") return surface;
      const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(surface);
      return text.includes("\ufffd") ? spellBytes(surface) : text;
    },
  });
}
