// A tokenizer from the vocabulary that a GGUF file carries. It reads no file: the metadata come as plain data.
import { createTokenizer } from "../json/create-tokenizer.ts";
import { findByteIds, isByteName, type Piece, pieceKindOf } from "../pieces/piece.ts";
import { createPieceTokenizer } from "../pieces/piece-tokenizer.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { parseTokenizerConfig, type TokenizerConfig } from "../tokenizer-config.ts";
import { isObject, malformed, TokenizerError } from "../tokenizer-error.ts";
import { createByteLevelTokenizer } from "./byte-level-tokenizer.ts";
import { findWordRules, wordRuleNames } from "./word-patterns.ts";

/** `tokenizer.*` of a GGUF file; null, empty or absent where it says nothing. */
export interface GgufVocabularyData {
  /** `tokenizer.ggml.model`: `llama` (sentencepiece BPE) or `gpt2` (byte-level BPE). */
  readonly model: string;
  /** `tokenizer.ggml.pre`: which patterns cut text before byte-level BPE. */
  readonly pre?: string | null;
  /** The text of every token, by id. */
  readonly tokens: readonly string[];
  readonly scores?: ArrayLike<number> | null;
  /** 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
  readonly tokenTypes?: ArrayLike<number> | null;
  /** Pairs separated by a space, the first joined first. */
  readonly merges?: readonly string[] | null;
  readonly bosTokenId?: number | null;
  readonly eosTokenId?: number | null;
  /** The end of a turn, where it is another token. */
  readonly eotTokenId?: number | null;
  readonly unknownTokenId?: number | null;
  /** Whether texts begin and end with those tokens, and with a space; null where the kind of model decides. */
  readonly addBosToken?: boolean | null;
  readonly addEosToken?: boolean | null;
  readonly addSpacePrefix?: boolean | null;
  readonly chatTemplate?: string | null;
  /** A whole tokenizer.json, used where `model` is of another kind. */
  readonly huggingfaceJson?: string | null;
}

/** Where a vocabulary came from. */
export interface GgufTokenizerOptions {
  /** The file, for messages. */
  readonly path: string;
  /** Hash of the file or of its metadata, which heads and features record. */
  readonly sha256: string;
}

/** What ends a turn in the vocabularies of chat models, whose files often name only the end of texts. */
const turnEnds: ReadonlySet<string> = new Set([
  "<|eot_id|>",
  "<|im_end|>",
  "<|end|>",
  "<end_of_turn>",
  "<|endoftext|>",
  "<|end_of_text|>",
  "<\uff5cend\u2581of\u2581sentence\uff5c>",
]);

// Far above any vocabulary in use.
const sizeLimit = 2 ** 22;

function parsePieces({ tokens, scores, tokenTypes }: GgufVocabularyData, path: string): readonly Piece[] {
  const isTexts = Array.isArray(tokens) && tokens.every((token: unknown) => typeof token === "string");
  if (!isTexts || tokens.length === 0 || tokens.length > sizeLimit) {
    throw malformed(path, "tokenizer.ggml.tokens", `a list of 1 to ${sizeLimit} texts`);
  }
  for (const [name, list] of [
    ["scores", scores],
    ["token_type", tokenTypes],
  ] as const) {
    if (list === null || list === undefined || list.length === tokens.length) continue;
    throw malformed(
      path,
      `tokenizer.ggml.${name}`,
      `a list of ${tokens.length}, as many as tokens, not ${list.length}`,
    );
  }
  return tokens.map((given, id): Piece => {
    const text = given.toWellFormed();
    const score = scores?.[id] ?? 0;
    const code = tokenTypes?.[id];
    if (!Number.isFinite(score)) throw malformed(path, `tokenizer.ggml.scores[${id}]`, "a finite number");
    if (code === undefined) return { text, score, kind: isByteName(text) ? "byte" : "normal" };
    const kind = code === 0 ? "normal" : pieceKindOf(code);
    if (kind === undefined) throw malformed(path, `tokenizer.ggml.token_type[${id}]`, `from 0 to 6, not ${code}`);
    if (kind === "byte" && !isByteName(text)) {
      throw malformed(path, `tokenizer.ggml.tokens[${id}]`, "<0x00> to <0xFF>, since it is a byte");
    }
    return { text, score, kind };
  });
}

function parseId(value: unknown, fallback: number | null, size: number, path: string, name: string): number | null {
  const id = value ?? fallback;
  if (id === null) return null;
  if (!Number.isSafeInteger(id) || (id as number) < 0) {
    throw malformed(path, `tokenizer.ggml.${name}_token_id`, `from 0 to ${size - 1}`);
  }
  if ((id as number) < size) return id as number;
  if (value === null || value === undefined) return null;
  throw malformed(path, `tokenizer.ggml.${name}_token_id`, `from 0 to ${size - 1}, not ${String(id)}`);
}

function createSpm(
  data: GgufVocabularyData,
  pieces: readonly Piece[],
  ids: TokenIds,
  config: TokenizerConfig,
  sha256: string,
): Tokenizer {
  const prefix = data.addSpacePrefix !== false ? " " : "";
  return createPieceTokenizer({
    config,
    sha256,
    description: `${config.path}, GGUF sentencepiece BPE of ${pieces.length} tokens`,
    pieces,
    algorithm: "bpe",
    byteIds: findByteIds(pieces),
    unknownId: ids.unknown,
    bosId: ids.bos,
    eosId: ids.eos,
    endIds: ids.ends,
    addBos: data.addBosToken ?? true,
    addEos: data.addEosToken ?? false,
    space: "\u2581",
    normalise: (text) => (text === "" ? "" : (prefix + text).replaceAll(" ", "\u2581")),
    strip: prefix === "" ? "none" : "one",
    unknownSurface: " \u2047 ",
  });
}

function createByteLevel(
  data: GgufVocabularyData,
  pieces: readonly Piece[],
  ids: TokenIds,
  config: TokenizerConfig,
  sha256: string,
): Tokenizer {
  const merges: unknown = data.merges ?? [];
  if (!Array.isArray(merges) || merges.some((merge) => typeof merge !== "string" || !merge.includes(" ", 1))) {
    throw malformed(config.path, "tokenizer.ggml.merges", "a list of pairs, each separated by a space");
  }
  const name = data.pre ?? "default";
  const rules = findWordRules(name);
  if (rules === null) {
    const message = `Cannot load tokenizer ${config.path}: tokenizer.ggml.pre is ${JSON.stringify(name)} but must be one of ${wordRuleNames.join(", ")}, use the model's tokenizer.json`;
    throw new TokenizerError(config.path, message, { field: "tokenizer.ggml.pre" });
  }
  const { bos, eos } = ids;
  return createByteLevelTokenizer({
    config,
    sha256,
    description: `${config.path}, GGUF byte-level BPE (${name}) of ${pieces.length} tokens`,
    pieces,
    merges: merges as readonly string[],
    rules,
    unknownId: ids.unknown,
    bosId: bos,
    eosTokens: [...new Set([...(eos === null ? [] : [eos]), ...ids.ends])],
    frame: {
      before: bos !== null && (data.addBosToken ?? rules.addBos) ? [bos] : [],
      after: eos !== null && data.addEosToken === true ? [eos] : [],
    },
  });
}

interface TokenIds {
  readonly bos: number | null;
  readonly eos: number | null;
  readonly unknown: number | null;
  /** Further tokens that end a text or a turn. */
  readonly ends: readonly number[];
}

function parseIds(data: GgufVocabularyData, pieces: readonly Piece[], path: string): TokenIds {
  // Files of sentencepiece vocabularies leave out what is as in LLaMA.
  const [unknown, bos, eos] = data.model === "llama" ? [0, 1, 2] : [null, null, null];
  const idOf = (value: unknown, fallback: number | null, name: string): number | null =>
    parseId(value, fallback, pieces.length, path, name);
  const turnEnd = idOf(data.eotTokenId, null, "eot");
  const named = pieces.flatMap(({ text, kind }, id) => (kind === "control" && turnEnds.has(text) ? [id] : []));
  return {
    bos: idOf(data.bosTokenId, bos, "bos"),
    eos: idOf(data.eosTokenId, eos, "eos"),
    unknown: idOf(data.unknownTokenId, unknown, "unknown"),
    ends: turnEnd === null ? named : [turnEnd, ...named],
  };
}

/**
 * Creates a tokenizer from the vocabulary of a GGUF file.
 *
 * Control tokens of the vocabulary stay text in a user's text, also where merging would spell one, which llama.cpp
 * lets through.
 *
 * @param data the fields, as a reader of GGUF gives them
 * @throws TokenizerError that names the field that cannot be used
 */
export function tokenizerFromGguf(data: GgufVocabularyData, { path, sha256 }: GgufTokenizerOptions): Tokenizer {
  const template: unknown = data.chatTemplate ?? null;
  const config = parseTokenizerConfig({ tokenizerConfig: { chat_template: template } }, path);
  if (data.model !== "llama" && data.model !== "gpt2") {
    if (typeof data.huggingfaceJson === "string") return fromHuggingface(data.huggingfaceJson, config, sha256);
    const message = `Cannot load tokenizer ${path}: tokenizer.ggml.model is ${JSON.stringify(data.model)} but must be "llama" or "gpt2", use the model's tokenizer.json`;
    throw new TokenizerError(path, message, { field: "tokenizer.ggml.model" });
  }
  const pieces = parsePieces(data, path);
  const ids = parseIds(data, pieces, path);
  const textOf = (id: number | null): string | null => (id === null ? null : pieces[id]!.text || null);
  const named = { ...config, bosToken: textOf(ids.bos), eosToken: textOf(ids.eos) };
  const create = data.model === "llama" ? createSpm : createByteLevel;
  return create(data, pieces, ids, named, sha256);
}

function fromHuggingface(text: string, config: TokenizerConfig, sha256: string): Tokenizer {
  try {
    const json: unknown = JSON.parse(text);
    if (isObject(json)) return createTokenizer(json, config, sha256);
  } catch (cause) {
    if (cause instanceof TokenizerError) throw cause;
    throw malformed(config.path, "tokenizer.huggingface.json", "JSON", cause);
  }
  throw malformed(config.path, "tokenizer.huggingface.json", "a JSON object");
}
