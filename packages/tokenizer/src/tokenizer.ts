// The tokenizer every other package sees. It does not know files, formats or models.
import type { Detokenizer } from "./detokenizer.ts";
import type { TextRange } from "./special-tokens.ts";
import type { TokenizerConfig } from "./tokenizer-config.ts";

/** How a text is encoded. */
export interface EncodeOptions {
  /** Whether the tokens that begin and end a text are added, as the tokenizer's files say; true. */
  readonly addSpecialTokens?: boolean;
  /** Whether special tokens written in the text become control tokens; false, since text of users must not. */
  readonly allowSpecial?: boolean;
  /** With `allowSpecial`, the stretches of the text in which special tokens stay text even so; none. */
  readonly literal?: readonly TextRange[];
}

/** How ids are decoded. */
export interface DecodeOptions {
  /** Whether special tokens are left out of the text; true. */
  readonly skipSpecialTokens?: boolean;
}

/** Text to ids and back. */
export interface Tokenizer {
  /** What the tokenizer was read from and what it is, for people: `a/tokenizer.model, sentencepiece BPE of 32000 pieces`. */
  readonly description: string;
  /** One more than the largest id; a model's own vocabulary may be padded beyond it. */
  readonly vocabSize: number;
  /** The id that begins a text, or null. */
  readonly bosToken: number | null;
  /** The ids that end a text, from the tokenizer's and the generation config. */
  readonly eosTokens: readonly number[];
  /** Ids of the control tokens by their text. */
  readonly specialTokens: ReadonlyMap<string, number>;
  /** The settings, completed by the special tokens of the vocabulary. */
  readonly config: TokenizerConfig;
  /** SHA-256 of the file that holds the vocabulary. */
  readonly sha256: string;
  /**
   * Encodes a text.
   *
   * @throws TokenizerError where the tokenizer's own rules fail on the text
   */
  encode(text: string, options?: EncodeOptions): Uint32Array<ArrayBuffer>;
  /**
   * Decodes ids; ids that the vocabulary does not have give no text. Bytes that are no text become replacement
   * characters by the WHATWG rule, one for each broken sequence.
   *
   * @throws TokenizerError where an id is not a non-negative integer
   */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  /** The text of one id as it appears inside a longer text; bytes that are no text by themselves as `<0xE2>`. */
  tokenText(id: number): string;
  /** A stream whose pieces of text, put together, equal `decode` of all ids with the same options. */
  createStream(options?: DecodeOptions): Detokenizer;
}
