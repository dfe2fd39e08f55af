// Parts of the library that differ from the format's authors, put right: compiled charsmaps, stripping, Unigram.
// It does not know why a tokenizer has them; pre-tokenizers and decoders of our own stand in their own files.
import { findBestPath } from "../algorithms/best-path.ts";
import { PieceTrie } from "../algorithms/piece-trie.ts";
import { type Charsmap, parseCharsmap } from "../sentencepiece/charsmap.ts";
import { malformed } from "../tokenizer-error.ts";
import type { LibraryNormalizer } from "./library.ts";
import type { TokenizerJson } from "./tokenizer-json.ts";

type Config = Readonly<Record<string, unknown>>;

// A grapheme of fewer bytes is looked up whole, before its characters are.
const wholeGraphemeLimit = 6;

/** Replaces by a charsmap as the Rust library does: graphemes first, then characters, by the shortest that matches. */
function replaceGraphemes(text: string, charsmap: Charsmap): string {
  const encoder = new TextEncoder();
  const find = (part: string): string | null => {
    const bytes = encoder.encode(part);
    return bytes.length === 0 ? null : (charsmap.find(bytes, 0, "shortest")?.text ?? null);
  };
  let result = "";
  for (const { segment } of new Intl.Segmenter("und", { granularity: "grapheme" }).segment(text)) {
    const whole = encoder.encode(segment).length < wholeGraphemeLimit ? find(segment) : null;
    if (whole !== null) result += whole;
    else for (const character of segment) result += find(character) ?? character;
  }
  return result;
}

function decodeBase64(text: string, path: string, field: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch (cause) {
    throw malformed(path, field, "bytes in base64", cause);
  }
}

/** Mends a normalizer of the library in place. */
export function mendNormalizer(
  normalizer: LibraryNormalizer | null,
  config: Config | null,
  path: string,
  field: string = "normalizer",
): void {
  if (normalizer === null || config === null) return;
  if (config.type === "Sequence") {
    const children = (config.normalizers ?? []) as readonly Config[];
    children.forEach((child, index) => {
      mendNormalizer(normalizer.normalizers?.[index] ?? null, child, path, `${field}.normalizers[${index}]`);
    });
  } else if (config.type === "Precompiled") {
    const name = `${field}.precompiled_charsmap`;
    const blob = config.precompiled_charsmap ?? "";
    if (typeof blob !== "string") throw malformed(path, name, "a text in base64");
    const charsmap = parseCharsmap(decodeBase64(blob, path, name), path);
    normalizer.normalize = (text) => (charsmap === null ? text : replaceGraphemes(text, charsmap));
  } else if (config.type === "Strip") {
    const left = config.strip_left === false ? null : /^\p{White_Space}+/u;
    const right = config.strip_right === false ? null : /\p{White_Space}+$/u;
    normalizer.normalize = (text) => {
      const cut = left === null ? text : text.replace(left, "");
      return right === null ? cut : cut.replace(right, "");
    };
  }
}

const unknownPenalty = 10;

/** Cuts words by a Unigram model, bytes for what is unknown where it has them; null for another model. */
export function createUnigram(model: TokenizerJson["model"]): ((word: string) => readonly string[]) | null {
  if (model.type !== "Unigram") return null;
  const vocab = model.vocab as readonly (readonly [string, number])[];
  const trie = new PieceTrie(vocab.map(([piece], id) => [piece, id] as const));
  const least = vocab.reduce((score, [, other]) => Math.min(score, other), Number.POSITIVE_INFINITY);
  const pieces = new Set(vocab.map(([piece]) => piece));
  const encoder = new TextEncoder();
  const unknownTokens = (text: string): readonly string[] => {
    if (model.byte_fallback !== true) return [text];
    const names = Array.from(encoder.encode(text), (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
    return names.every((name) => pieces.has(name)) ? names : [text];
  };
  return (word) => {
    const tokens: string[] = [];
    let unknown = "";
    const path = findBestPath(word, trie, (id) => vocab[id]![1], least - unknownPenalty, "f64");
    for (const { value, text } of path) {
      // The unknown's own name is unknown text too.
      if (value === null || value === model.unk_id) unknown += text;
      else {
        if (unknown !== "") tokens.push(...unknownTokens(unknown));
        unknown = "";
        tokens.push(text);
      }
    }
    if (unknown !== "") tokens.push(...unknownTokens(unknown));
    return tokens;
  };
}
