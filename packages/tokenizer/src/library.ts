// The parts of @huggingface/tokenizers that are used, typed here: its own declarations do not resolve under nodenext.
import { Tokenizer as Library } from "@huggingface/tokenizers";
import type { AddedTokenJson, TokenizerJson } from "./tokenizer-json.ts";

/** What runs a tokenizer.json. */
export interface LibraryTokenizer {
  encode(text: string, options: { readonly add_special_tokens: boolean }): { readonly ids: readonly number[] };
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

/** Hands a checked tokenizer.json to the library. */
export function createLibraryTokenizer(json: TokenizerJson): LibraryTokenizer {
  return new Library(json, {}) as unknown as LibraryTokenizer;
}
