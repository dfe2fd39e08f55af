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
export { hasTokenizer, loadTokenizer } from "./load-tokenizer.ts";
export { createTokenizer, type DecodeOptions, type EncodeOptions, type Tokenizer } from "./tokenizer.ts";
export {
  type ConfiguredToken,
  parseTokenizerConfig,
  type TokenizerConfig,
  type TokenizerConfigFiles,
} from "./tokenizer-config.ts";
export { TokenizerError } from "./tokenizer-error.ts";
