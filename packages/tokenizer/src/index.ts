// Public names of @dual-head/tokenizer.
export {
  type ChatMessage,
  type ChatOptions,
  type ChatPiece,
  type ChatPrompt,
  chatPrompt,
  encodeChat,
} from "./chat.ts";
export type { Detokenizer } from "./detokenizer.ts";
export { type GgufTokenizerOptions, type GgufVocabularyData, tokenizerFromGguf } from "./gguf/tokenizer-from-gguf.ts";
export { createTokenizer } from "./json/create-tokenizer.ts";
export { createLlama2cTokenizer } from "./llama2c/create-llama2c.ts";
export { hasTokenizer, loadTokenizer } from "./load-tokenizer.ts";
export { createSentencepieceTokenizer } from "./sentencepiece/create-sentencepiece.ts";
export type { TextRange } from "./special-tokens.ts";
export type { DecodeOptions, EncodeOptions, Tokenizer } from "./tokenizer.ts";
export {
  type ConfiguredToken,
  parseTokenizerConfig,
  type TokenizerConfig,
  type TokenizerConfigFiles,
} from "./tokenizer-config.ts";
export { TokenizerError } from "./tokenizer-error.ts";
