// The parts of @huggingface/tokenizers that are used, typed here: its own declarations do not resolve under nodenext.
import * as huggingface from "@huggingface/tokenizers";
import { malformed } from "../tokenizer-error.ts";
import type { AddedTokenJson, TokenizerJson } from "./tokenizer-json.ts";

/** A normalizer, or several in turn. */
export interface LibraryNormalizer {
  normalize: (text: string) => string;
  readonly normalizers?: readonly (LibraryNormalizer | null)[];
}

/** What runs a tokenizer.json. */
export interface LibraryTokenizer {
  encode(text: string, options: { readonly add_special_tokens: boolean }): { readonly ids: readonly number[] };
  readonly normalizer: LibraryNormalizer | null;
  pre_tokenizer: ((text: string) => string[]) | null;
  readonly model: {
    readonly end_of_word_suffix?: string | null;
    /** Splits words into tokens, each word by itself. */
    encode(words: readonly string[]): readonly string[];
  };
  readonly post_processor:
    | ((tokens: readonly string[], pair: null, addSpecialTokens: boolean) => { readonly tokens: readonly unknown[] })
    | null;
  readonly decoder: {
    added_tokens: readonly AddedTokenJson[];
    decode(tokens: readonly string[]): string;
  } | null;
}

const { Tokenizer: Library, SplitPreTokenizer } = huggingface as unknown as {
  readonly Tokenizer: new (json: TokenizerJson, config: object) => LibraryTokenizer;
  readonly SplitPreTokenizer: new (config: object) => { readonly pattern: unknown };
};

/** Hands a checked tokenizer.json to the library. */
export function createLibraryTokenizer(json: TokenizerJson): LibraryTokenizer {
  return new Library(json, {});
}

/**
 * A pattern of tokenizer.json (`{ String }` or `{ Regex }`, in the dialect of Oniguruma) as a global regular expression.
 *
 * @throws TokenizerError where it has none
 */
export function compilePattern(pattern: unknown, path: string, field: string): RegExp {
  try {
    const compiled = new SplitPreTokenizer({ pattern, invert: true }).pattern;
    if (compiled instanceof RegExp) return compiled;
  } catch (cause) {
    throw malformed(path, field, "a regular expression that JavaScript can run", cause);
  }
  throw malformed(path, field, "an object with a non-empty String or Regex");
}
