// The tokenizer every other package sees, over the library that runs tokenizer.json.
// It does not know files or models; special tokens in a user's text stay text unless the caller says otherwise.
import { spellBytes } from "./byte-pieces.ts";
import { cleanUpSpaces, createDetokenizer, type Detokenizer } from "./detokenizer.ts";
import { createLibraryTokenizer, type LibraryTokenizer } from "./library.ts";
import type { TokenizerConfig } from "./tokenizer-config.ts";
import { isObject, TokenizerError } from "./tokenizer-error.ts";
import {
  parseTokenizerJson,
  type TokenizerJson,
  vocabularyIds,
  withoutSpecialTokens,
  withWordSplitting,
} from "./tokenizer-json.ts";

/** How a text is encoded. */
export interface EncodeOptions {
  /** Whether the tokens that begin and end a text are added, as the tokenizer's post-processor does; true. */
  readonly addSpecialTokens?: boolean;
  /** Whether special tokens written in the text become control tokens; false, since text of users must not. */
  readonly allowSpecial?: boolean;
}

/** How ids are decoded. */
export interface DecodeOptions {
  /** Whether special tokens are left out of the text; true. */
  readonly skipSpecialTokens?: boolean;
}

/** Text to ids and back. */
export interface Tokenizer {
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
  /** SHA-256 of tokenizer.json. */
  readonly sha256: string;
  /**
   * Encodes a text.
   *
   * @throws TokenizerError where the tokenizer's own rules fail on the text
   */
  encode(text: string, options?: EncodeOptions): Uint32Array<ArrayBuffer>;
  /**
   * Decodes ids; ids that the vocabulary does not have give no text.
   *
   * @throws TokenizerError where an id is not a non-negative integer
   */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  /** The text of one id as it appears inside a longer text; bytes that are no text by themselves as `<0xE2>`. */
  tokenText(id: number): string;
  /** A stream whose pieces of text, put together, equal `decode` of all ids with the same options. */
  createStream(options?: DecodeOptions): Detokenizer;
}

// Words remembered before the memory is cleared, and the longest word worth remembering.
const rememberedWordLimit = 200_000;
const rememberedLengthLimit = 64;

/** Remembers the tokens of words: text repeats itself, and splitting a word takes far longer than looking it up. */
function rememberWords(model: LibraryTokenizer["model"]): void {
  const encode = model.encode.bind(model);
  const words = new Map<string, readonly string[]>();
  model.encode = (texts) => {
    const tokens: string[] = [];
    for (const text of texts) {
      let known = words.get(text);
      if (known === undefined) {
        known = encode([text]);
        if (text.length <= rememberedLengthLimit) {
          if (words.size >= rememberedWordLimit) words.clear();
          words.set(text, known);
        }
      }
      for (const token of known) tokens.push(token);
    }
    return tokens;
  };
}

function createRememberingTokenizer(json: TokenizerJson, config: TokenizerConfig): LibraryTokenizer {
  try {
    const library = createLibraryTokenizer(withWordSplitting(json));
    rememberWords(library.model);
    return library;
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

function hasByteLevel(decoder: unknown): boolean {
  if (!isObject(decoder)) return false;
  const children = decoder.decoders;
  return decoder.type === "ByteLevel" || (Array.isArray(children) && children.some(hasByteLevel));
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
  const plain = createRememberingTokenizer(withoutSpecialTokens(parsed), config);
  // Made only for chats, which write control tokens as text.
  let full: LibraryTokenizer | null = null;

  const pieces: (string | undefined)[] = [];
  const ids = new Map(vocabularyIds(parsed.model.vocab));
  for (const { id, content } of parsed.added_tokens) ids.set(content, id);
  for (const [piece, id] of ids) pieces[id] = piece;
  for (const { id, content } of parsed.added_tokens) pieces[id] = content;
  const specialTokens = new Map(
    parsed.added_tokens.filter((token) => token.special).map((token) => [token.content, token.id] as const),
  );
  const specialIds = new Set(specialTokens.values());
  const { decoder } = plain;
  if (decoder !== null) decoder.added_tokens = [...parsed.added_tokens];
  const suffix = plain.model.end_of_word_suffix;
  const byteLevel = hasByteLevel(parsed.decoder);
  const { before, after } = findFrame(plain, config, (token) => ids.get(token));

  const join = (tokens: readonly string[]): string => {
    if (tokens.length === 0) return "";
    try {
      const text = decoder === null ? tokens.join(" ") : decoder.decode([...tokens]);
      return suffix ? text.replaceAll(suffix, " ") : text;
    } catch (cause) {
      throw failure(config, "decode", cause);
    }
  };
  const pieceOf = (id: number, skipSpecial: boolean): string | null => {
    if (!Number.isSafeInteger(id) || id < 0) {
      const message = `Cannot decode token ${id}: an id must be a non-negative integer below ${pieces.length}`;
      throw new TokenizerError(config.path, message);
    }
    return skipSpecial && specialIds.has(id) ? null : (pieces[id] ?? null);
  };
  const encodePlain = (library: LibraryTokenizer, text: string): readonly number[] => {
    if (text === "") return [];
    try {
      // Lone surrogates have no UTF-8 form, and stand for hidden names here.
      return library.encode(text.toWellFormed(), { add_special_tokens: false }).ids;
    } catch (cause) {
      throw failure(config, "encode", cause);
    }
  };
  // A piece that is a word, or part of one, in front of which another piece keeps its leading space.
  let anchor: string | undefined;
  const findAnchor = (): string => {
    anchor ??= pieces.find((piece) => piece !== undefined && /^[\u2581\u0120]?[a-z]+$/.test(piece)) ?? "";
    return anchor;
  };
  const idsOf = (token: string | null, generation: readonly number[]): readonly number[] => {
    const id = token === null ? undefined : ids.get(token);
    return [...new Set(id === undefined ? generation : [id, ...generation])];
  };

  return {
    vocabSize: pieces.length,
    bosToken: idsOf(config.bosToken, config.generationBosId === null ? [] : [config.generationBosId])[0] ?? null,
    eosTokens: idsOf(config.eosToken, config.generationEosIds),
    specialTokens,
    config: { ...config, specialTokens: [...new Set([...config.specialTokens, ...specialTokens.keys()])] },
    sha256,
    encode(text, { addSpecialTokens = true, allowSpecial = false } = {}) {
      if (allowSpecial) full ??= createRememberingTokenizer(parsed, config);
      const inner = encodePlain(allowSpecial ? full! : plain, text);
      const all = addSpecialTokens ? [...before, ...inner, ...after] : inner;
      if (all.some((id) => !Number.isSafeInteger(id))) {
        const message = `Cannot encode with tokenizer ${config.path}: a part of the text has no token and there is no unk_token, check its tokenizer.json`;
        throw new TokenizerError(config.path, message, { field: "model.unk_token" });
      }
      return Uint32Array.from(all);
    },
    decode(tokens, { skipSpecialTokens = true } = {}) {
      const found = Array.from(tokens, (id) => pieceOf(id, skipSpecialTokens)).filter((piece) => piece !== null);
      return config.cleanUpSpaces ? cleanUpSpaces(join(found)) : join(found);
    },
    tokenText(id) {
      const piece = pieceOf(id, false);
      if (piece === null) return `<id ${id}>`;
      if (specialIds.has(id)) return piece;
      const context = findAnchor() === "" ? [] : [findAnchor()];
      const text = join([...context, piece]).slice(join(context).length);
      return text.includes("\ufffd") ? spellBytes(piece, byteLevel) : text;
    },
    createStream({ skipSpecialTokens = true } = {}) {
      return createDetokenizer((id) => pieceOf(id, skipSpecialTokens), join, config.cleanUpSpaces);
    },
  };
}
