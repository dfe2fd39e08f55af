// A tokenizer from a sentencepiece .model file. It does not know where the file lies.
import { PieceTrie } from "../algorithms/piece-trie.ts";
import { findByteIds } from "../pieces/piece.ts";
import { createPieceTokenizer } from "../pieces/piece-tokenizer.ts";
import type { Tokenizer } from "../tokenizer.ts";
import type { TokenizerConfig } from "../tokenizer-config.ts";
import { parseCharsmap } from "./charsmap.ts";
import { createNormalizer } from "./normalizer.ts";
import { parseSentencepieceModel } from "./parse-model.ts";

/**
 * Creates a tokenizer from a sentencepiece model.
 *
 * Texts begin with the bos token where the model has one and the config does not say otherwise, as those of LLaMA do;
 * the file itself says nothing of it.
 *
 * @param bytes the file
 * @param config the settings of the files beside it, see `parseTokenizerConfig`
 * @param sha256 hash of the file, which heads and features record
 * @throws TokenizerError that names what is wrong with the file
 */
export function createSentencepieceTokenizer(bytes: Uint8Array, config: TokenizerConfig, sha256: string): Tokenizer {
  const model = parseSentencepieceModel(bytes, config.path);
  const { pieces, normalizer, algorithm } = model;
  const charsmap = parseCharsmap(normalizer.precompiledCharsmap, config.path);
  const userPieces = pieces.flatMap(({ text, kind }, id) => (kind === "userDefined" ? [[text, id] as const] : []));
  const trie = userPieces.length === 0 ? null : new PieceTrie(userPieces);
  const stripsSpaces = normalizer.addDummyPrefix || normalizer.removeExtraWhitespaces;
  const name = algorithm === "bpe" ? "BPE" : "unigram";
  return createPieceTokenizer({
    ...model,
    config,
    sha256,
    description: `${config.path}, sentencepiece ${name} of ${pieces.length} pieces`,
    byteIds: model.byteFallback ? findByteIds(pieces) : null,
    addBos: true,
    addEos: false,
    space: "\u2581",
    normalise: createNormalizer(normalizer, charsmap, trie, model.whitespaceAsSuffix),
    strip: !stripsSpaces ? "none" : normalizer.removeExtraWhitespaces ? "all" : "one",
  });
}
