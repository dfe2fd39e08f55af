// tokenizer.json checked field by field, since the library that runs it trusts it; and the two variants we derive.
// It does not encode: that is the library's part.
import type { TokenizerConfig } from "../tokenizer-config.ts";
import { isObject, malformed } from "../tokenizer-error.ts";

/** An added token as tokenizer.json writes it. */
export interface AddedTokenJson {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  readonly normalized: boolean;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
}

type Component = Readonly<Record<string, unknown>> | null;

/** The vocabulary of BPE and WordPiece by token, or of Unigram in the order of ids. */
export type VocabularyJson = Readonly<Record<string, number>> | readonly (readonly [string, number])[];

/** tokenizer.json after checking, with absent parts as null or empty. */
export interface TokenizerJson {
  readonly added_tokens: readonly AddedTokenJson[];
  readonly normalizer: Component;
  readonly pre_tokenizer: Component;
  readonly post_processor: Component;
  readonly decoder: Component;
  readonly model: Readonly<Record<string, unknown>> & { readonly type: string; readonly vocab: VocabularyJson };
}

// Far above any vocabulary in use; keeps a damaged id from asking for gigabytes.
const idLimit = 2 ** 22;

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < idLimit;
}

function parseFlag(value: unknown, fallback: boolean, path: string, field: string): boolean {
  if (value === undefined || value === null) return fallback;
  if (typeof value !== "boolean") throw malformed(path, field, "true or false");
  return value;
}

function parseAddedTokens(value: unknown, path: string): readonly AddedTokenJson[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw malformed(path, "added_tokens", "a list");
  return value.map((each: unknown, index) => {
    const field = `added_tokens[${index}]`;
    if (!isObject(each)) throw malformed(path, field, "an object");
    const { id, content } = each;
    if (!isId(id)) throw malformed(path, `${field}.id`, `an integer from 0 to ${idLimit - 1}`);
    if (typeof content !== "string" || content === "") throw malformed(path, `${field}.content`, "a non-empty string");
    const flag = (name: string, fallback: boolean) => parseFlag(each[name], fallback, path, `${field}.${name}`);
    const special = flag("special", false);
    return {
      id,
      content,
      special,
      normalized: flag("normalized", !special),
      single_word: flag("single_word", false),
      lstrip: flag("lstrip", false),
      rstrip: flag("rstrip", false),
    };
  });
}

const childLists: readonly string[] = ["normalizers", "pretokenizers", "processors", "decoders"];

/** Checks the parameters of normalizers, pre-tokenizers and decoders that the library would use unseen. */
function checkComponent(value: unknown, path: string, field: string, depth = 0): void {
  if (!isObject(value) || typeof value.type !== "string") throw malformed(path, field, "an object with a type");
  if (depth > 16) throw malformed(path, field, "nested at most 16 deep");
  const { type, pattern, content, length } = value;
  if (type === "Split" || type === "Replace") {
    const text = isObject(pattern) ? (pattern.String ?? pattern.Regex) : undefined;
    if (typeof text !== "string" || text === "") {
      throw malformed(path, `${field}.pattern`, "an object with a non-empty String or Regex");
    }
  }
  if ((type === "Replace" || type === "Strip") && content !== undefined && typeof content !== "string") {
    throw malformed(path, `${field}.content`, "a string");
  }
  if (type === "Strip") {
    for (const name of ["start", "stop"] as const) {
      const count = value[name];
      if (count !== undefined && !isId(count)) throw malformed(path, `${field}.${name}`, "a small integer");
    }
  }
  if (type === "FixedLength" && !(isId(length) && length > 0)) {
    throw malformed(path, `${field}.length`, "a positive integer");
  }
  for (const name of childLists) {
    const children = value[name];
    if (children === undefined) continue;
    if (!Array.isArray(children)) throw malformed(path, `${field}.${name}`, "a list");
    children.forEach((child: unknown, index) => {
      checkComponent(child, path, `${field}.${name}[${index}]`, depth + 1);
    });
  }
}

function parseComponent(json: Readonly<Record<string, unknown>>, name: string, path: string): Component {
  const value = json[name];
  if (value === undefined || value === null) return null;
  checkComponent(value, path, name);
  return value as Component;
}

function checkScoredVocabulary(vocab: readonly unknown[], path: string): void {
  if (vocab.length === 0 || vocab.length >= idLimit) throw malformed(path, "model.vocab", "a list of tokens");
  vocab.forEach((entry, index) => {
    const sound = Array.isArray(entry) && typeof entry[0] === "string" && Number.isFinite(entry[1]);
    if (!sound) throw malformed(path, `model.vocab[${index}]`, "a token and its score");
  });
}

function checkVocabulary(vocab: Readonly<Record<string, unknown>>, path: string): void {
  const entries = Object.entries(vocab);
  if (entries.length === 0) throw malformed(path, "model.vocab", "an object with tokens");
  const tokensById = new Map<number, string>();
  for (const [token, id] of entries) {
    const field = `model.vocab[${JSON.stringify(token)}]`;
    if (!isId(id)) throw malformed(path, field, `an integer from 0 to ${idLimit - 1}`);
    const other = tokensById.get(id);
    if (other !== undefined) throw malformed(path, field, `an id other than that of ${JSON.stringify(other)}`);
    tokensById.set(id, token);
  }
}

function checkMerges(merges: unknown, path: string): void {
  if (!Array.isArray(merges)) throw malformed(path, "model.merges", "a list");
  const asPairs = Array.isArray(merges[0]);
  merges.forEach((merge: unknown, index) => {
    const sound = asPairs
      ? Array.isArray(merge) && merge.length === 2 && typeof merge[0] === "string" && typeof merge[1] === "string"
      : typeof merge === "string" && merge.includes(" ");
    if (!sound) throw malformed(path, `model.merges[${index}]`, "a pair of tokens");
  });
}

function parseModel(value: unknown, path: string): TokenizerJson["model"] {
  if (!isObject(value)) throw malformed(path, "model", "an object");
  const { vocab, merges } = value;
  const inferred = Array.isArray(vocab) ? "Unigram" : merges === undefined ? "WordPiece" : "BPE";
  const type = value.type ?? inferred;
  if (type === "Unigram") {
    if (!Array.isArray(vocab)) throw malformed(path, "model.vocab", "a list of tokens with scores");
    checkScoredVocabulary(vocab, path);
    const unknownId = value.unk_id ?? null;
    if (unknownId !== null && !(isId(unknownId) && unknownId < vocab.length)) {
      throw malformed(path, "model.unk_id", "an id of the vocabulary");
    }
  } else if (type === "BPE" || type === "WordPiece") {
    if (!isObject(vocab)) throw malformed(path, "model.vocab", "an object");
    checkVocabulary(vocab, path);
    const unknown = value.unk_token ?? null;
    if (unknown !== null && typeof unknown !== "string") throw malformed(path, "model.unk_token", "a string or null");
    if (type === "BPE") checkMerges(merges, path);
    const limit = value.max_input_chars_per_word;
    if (limit !== undefined && !isId(limit)) throw malformed(path, "model.max_input_chars_per_word", "an integer");
    for (const name of ["end_of_word_suffix", "continuing_subword_prefix", "continuing_subword_suffix"]) {
      const affix = value[name] ?? null;
      if (affix !== null && typeof affix !== "string") throw malformed(path, `model.${name}`, "a string or null");
    }
  } else {
    throw malformed(path, "model.type", `BPE, Unigram or WordPiece, not ${JSON.stringify(type)}`);
  }
  return { ...value, type, vocab: vocab as VocabularyJson };
}

/**
 * Checks tokenizer.json and completes it by the special tokens that the config names.
 *
 * @param json the parsed file
 * @param config the settings of the files beside it
 * @throws TokenizerError that names the field that is not as the format says
 */
export function parseTokenizerJson(json: unknown, config: TokenizerConfig): TokenizerJson {
  const { path } = config;
  if (!isObject(json)) throw malformed(path, "tokenizer.json", "a JSON object");
  const model = parseModel(json.model, path);
  const special = new Set(config.specialTokens);
  const listed = parseAddedTokens(json.added_tokens, path).map((token) =>
    special.has(token.content) ? { ...token, special: true } : token,
  );
  const known = new Set(listed.map((token) => token.content));
  const plainFlags = { normalized: false, single_word: false, lstrip: false, rstrip: false };
  const configured = config.addedTokens
    .filter((token) => !known.has(token.content) && token.id < idLimit)
    .map(({ id, content, special: isSpecial }) => ({ id, content, special: isSpecial, ...plainFlags }));
  for (const token of configured) known.add(token.content);
  const ids = vocabularyIds(model.vocab);
  const named = config.specialTokens.flatMap((content) => {
    const id = ids.get(content);
    return id === undefined || known.has(content) ? [] : [{ id, content, special: true, ...plainFlags }];
  });
  return {
    added_tokens: [...listed, ...configured, ...named],
    normalizer: parseComponent(json, "normalizer", path),
    pre_tokenizer: parseComponent(json, "pre_tokenizer", path),
    post_processor: parseComponent(json, "post_processor", path),
    decoder: parseComponent(json, "decoder", path),
    model,
  };
}

/** Ids by token of a vocabulary of either form. */
export function vocabularyIds(vocab: VocabularyJson): ReadonlyMap<string, number> {
  return new Map(
    Array.isArray(vocab)
      ? (vocab as readonly (readonly [string, number])[]).map(([token], id) => [token, id] as const)
      : Object.entries(vocab as Readonly<Record<string, number>>),
  );
}

/**
 * The variant for text of users: its special tokens are neither split out nor ever emitted by the model.
 *
 * Their names in the vocabulary become lone surrogates, which well-formed text cannot contain; ids stay.
 */
export function withoutSpecialTokens(json: TokenizerJson): TokenizerJson {
  const special = new Set(json.added_tokens.filter((token) => token.special).map((token) => token.content));
  const hide = (token: string, id: number): string => (special.has(token) ? `\ud800${id}` : token);
  const { vocab, unk_token: unknown } = json.model;
  const ids = vocabularyIds(vocab);
  const unknownId = typeof unknown === "string" ? ids.get(unknown) : undefined;
  const hidden: VocabularyJson = Array.isArray(vocab)
    ? (vocab as readonly (readonly [string, number])[]).map(([token, score], id) => [hide(token, id), score] as const)
    : Object.fromEntries([...ids].map(([token, id]) => [hide(token, id), id]));
  return {
    ...json,
    added_tokens: json.added_tokens.filter((token) => !token.special),
    model: {
      ...json.model,
      vocab: hidden,
      ...(unknownId === undefined ? {} : { unk_token: hide(unknown as string, unknownId) }),
    },
  };
}

const space = "\u2581";

/**
 * Lets BPE over sentencepiece text work word by word, so that words can be remembered, where that changes nothing:
 * where no merge joins a word to the space after it.
 */
export function withWordSplitting(json: TokenizerJson): TokenizerJson {
  const { model, pre_tokenizer: pre } = json;
  const affix = model.end_of_word_suffix ?? model.continuing_subword_prefix ?? model.continuing_subword_suffix;
  if (model.type !== "BPE" || model.ignore_merges === true || affix) return json;
  // One that splits already gives words.
  const metaspace =
    pre?.type === "Metaspace" && [undefined, space].includes(pre.replacement as string) && pre.split === false;
  if (pre !== null && !metaspace) return json;
  const merges = model.merges as readonly (string | readonly [string, string])[];
  const crossing = new RegExp(`[^${space}]${space}`, "u");
  for (const merge of merges) {
    if (crossing.test(typeof merge === "string" ? merge.replace(" ", "") : merge.join(""))) return json;
  }
  const split = {
    type: "Split",
    pattern: { Regex: `${space}*[^${space}]+|${space}+` },
    behavior: "Isolated",
    invert: true,
  };
  return { ...json, pre_tokenizer: pre === null ? split : { type: "Sequence", pretokenizers: [pre, split] } };
}
