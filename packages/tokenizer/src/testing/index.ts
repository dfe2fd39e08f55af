// Public names of the tokenizer's testing entry: the laws, and a tokenizer.json small enough to write down.
export { tinyTokenizerJson } from "./tiny-tokenizer.ts";
export { type TokenizerLawOptions, tokenizerLaws } from "./tokenizer-laws.ts";
