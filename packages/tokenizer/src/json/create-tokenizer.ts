// A tokenizer from tokenizer.json, over the library that runs it.
// It does not know files; where the library differs from the format's authors, parts of our own take its place.
import { spellBytes } from "../algorithms/byte-pieces.ts";
import { rememberWords } from "../algorithms/word-memory.ts";
import { assembleTokenizer } from "../assemble-tokenizer.ts";
import { createJoinStream, createSurfaceStream, type Surface } from "../detokenizer.ts";
import type { Tokenizer } from "../tokenizer.ts";
import type { TokenizerConfig } from "../tokenizer-config.ts";
import { TokenizerError } from "../tokenizer-error.ts";
import { findTokenDecoder } from "./decoders.ts";
import { createLibraryTokenizer, type LibraryTokenizer } from "./library.ts";
import { createPreTokenizer } from "./pre-tokenizers.ts";
import { createUnigram, mendNormalizer } from "./remedies.ts";
import {
  parseTokenizerJson,
  type TokenizerJson,
  vocabularyIds,
  withoutSpecialTokens,
  withWordSplitting,
} from "./tokenizer-json.ts";

interface Runner {
  readonly library: LibraryTokenizer;
  /** Ids of a text; `first` says whether it begins the whole text. */
  encode(text: string, first: boolean): readonly number[];
}

/** The library with our pre-tokenizers in it, and a memory for words. */
function createRunner(json: TokenizerJson, config: TokenizerConfig): Runner {
  try {
    const split = withWordSplitting(json);
    const library = createLibraryTokenizer({ ...split, pre_tokenizer: null });
    const preTokenize = createPreTokenizer(split.pre_tokenizer, config.path);
    let begins = true;
    library.pre_tokenizer = (text) => {
      const words = preTokenize(text, begins);
      begins = false;
      return [...words];
    };
    const { model } = library;
    mendNormalizer(library.normalizer, split.normalizer, config.path);
    const encode = model.encode.bind(model);
    const encodeWord = rememberWords(createUnigram(split.model) ?? ((word) => encode([word])));
    model.encode = (words) => words.flatMap((word) => encodeWord(word));
    return {
      library,
      encode(text, first) {
        begins = first;
        try {
          return library.encode(text, { add_special_tokens: false }).ids;
        } catch (cause) {
          throw failure(config, "encode", cause);
        }
      },
    };
  } catch (cause) {
    throw failure(config, "load", cause);
  }
}

function failure(config: TokenizerConfig, action: string, cause: unknown): TokenizerError {
  if (cause instanceof TokenizerError) return cause;
  const detail = cause instanceof Error ? cause.message : String(cause);
  const message = `Cannot ${action} with tokenizer ${config.path}: ${detail}, check its tokenizer.json`;
  return new TokenizerError(config.path, message, { cause });
}

/** Classes whose fast form lets add_bos_token and add_eos_token overrule the post-processor. */
const flagClasses = /^(?:Code)?Llama|^Gemma|^Cohere/;

/** The ids that encoding puts before and after a text. */
function findFrame(
  library: LibraryTokenizer,
  config: TokenizerConfig,
  idOf: (token: string) => number | undefined,
): { readonly before: readonly number[]; readonly after: readonly number[] } {
  const marker = "\ud801";
  let tokens: readonly unknown[] = [marker];
  try {
    if (library.post_processor !== null) tokens = library.post_processor([marker], null, true).tokens;
  } catch (cause) {
    throw failure(config, "frame texts", cause);
  }
  const place = tokens.indexOf(marker);
  const toIds = (part: readonly unknown[]): readonly number[] =>
    part.map((token) => {
      const id = typeof token === "string" ? idOf(token) : undefined;
      if (id !== undefined) return id;
      const message = `Cannot load tokenizer ${config.path}: post_processor adds ${JSON.stringify(token)}, which is not in the vocabulary, fetch tokenizer.json again`;
      throw new TokenizerError(config.path, message, { field: "post_processor" });
    });
  if (place < 0) {
    const message = `Cannot load tokenizer ${config.path}: post_processor drops the text, fetch tokenizer.json again`;
    throw new TokenizerError(config.path, message, { field: "post_processor" });
  }
  const frame = { before: toIds(tokens.slice(0, place)), after: toIds(tokens.slice(place + 1)) };
  if (!flagClasses.test(config.tokenizerClass ?? "")) return frame;
  const override = (flag: boolean | null, token: string | null, otherwise: readonly number[]): readonly number[] => {
    if (flag === null) return otherwise;
    const id = flag && token !== null ? idOf(token) : undefined;
    return id === undefined ? [] : [id];
  };
  return {
    before: override(config.addBosToken, config.bosToken, frame.before),
    after: override(config.addEosToken, config.eosToken, frame.after),
  };
}

/**
 * Creates a tokenizer from a parsed tokenizer.json.
 *
 * @param json the parsed file
 * @param config the settings of the files beside it, see `parseTokenizerConfig`
 * @param sha256 hash of the file, which heads and features record
 * @throws TokenizerError that names what is wrong with the file
 */
export function createTokenizer(json: unknown, config: TokenizerConfig, sha256: string): Tokenizer {
  const parsed = parseTokenizerJson(json, config);
  const { library, encode } = createRunner(withoutSpecialTokens(parsed), config);

  const pieces: (string | undefined)[] = [];
  const ids = new Map(vocabularyIds(parsed.model.vocab));
  for (const { id, content } of parsed.added_tokens) ids.set(content, id);
  for (const [piece, id] of ids) pieces[id] = piece;
  for (const { id, content } of parsed.added_tokens) pieces[id] = content;
  const special = parsed.added_tokens.filter((token) => token.special);
  const addedIds = new Set(parsed.added_tokens.map((token) => token.id));
  const suffix = library.model.end_of_word_suffix;
  const decoder = suffix ? null : findTokenDecoder(parsed.decoder);
  const surfaceOf = (id: number): Surface => {
    const piece = pieces[id];
    return piece === undefined || decoder === null ? null : decoder.surfaceOf(piece, addedIds.has(id));
  };
  if (library.decoder !== null) library.decoder.added_tokens = [...parsed.added_tokens];
  const join = (tokens: readonly string[]): string => {
    if (tokens.length === 0) return "";
    try {
      const text = library.decoder === null ? tokens.join(" ") : library.decoder.decode([...tokens]);
      return suffix ? text.replaceAll(suffix, " ") : text;
    } catch (cause) {
      throw failure(config, "decode", cause);
    }
  };
  // A piece that is a word, or part of one, in front of which another piece keeps its leading space.
  const anchor = once(() => pieces.find((piece) => piece !== undefined && /^[\u2581\u0120]?[a-z]+$/.test(piece)));
  const idsOf = (token: string | null, generation: readonly number[]): readonly number[] => {
    const id = token === null ? undefined : ids.get(token);
    return [...new Set(id === undefined ? generation : [id, ...generation])];
  };

  return assembleTokenizer({
    config,
    sha256,
    description: `${config.path}, tokenizer.json ${parsed.model.type} of ${pieces.length} tokens`,
    vocabSize: pieces.length,
    special: special.map(({ id, content, lstrip, rstrip, single_word: singleWord }) => {
      return { id, content, lstrip, rstrip, singleWord };
    }),
    bosToken: idsOf(config.bosToken, config.generationBosId === null ? [] : [config.generationBosId])[0] ?? null,
    eosTokens: idsOf(config.eosToken, config.generationEosIds),
    frame: findFrame(library, config, (token) => ids.get(token)),
    encodeText: encode,
    createStream(isShown) {
      if (decoder !== null) return createSurfaceStream((id) => (isShown(id) ? surfaceOf(id) : null), decoder.strip);
      return createJoinStream((id) => (isShown(id) ? (pieces[id] ?? null) : null), join);
    },
    tokenText(id) {
      const piece = pieces[id];
      if (piece === undefined) return `<id ${id}>`;
      const surface = surfaceOf(id);
      if (typeof surface === "string") return surface;
      if (surface !== null) {
        const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(surface);
        return text.includes("\ufffd") ? spellBytes(surface) : text;
      }
      const before = anchor();
      const context = before === undefined ? [] : [before];
      return join([...context, piece]).slice(join(context).length);
    },
  });
}

function once<Value>(create: () => Value): () => Value {
  let made: { readonly value: Value } | null = null;
  return () => {
    made ??= { value: create() };
    return made.value;
  };
}
