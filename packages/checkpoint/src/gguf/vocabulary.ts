// The vocabulary that a GGUF file carries, as plain data under one set of names. Knows no tokenizer: what the numbers
// mean is for whoever builds one of them.
import type { Checkpoint, MetadataValue } from "../checkpoint.ts";
import { CheckpointError } from "../errors.ts";

/** `tokenizer.*` of a GGUF file; null or empty where it says nothing. */
export interface GgufVocabulary {
  /** `tokenizer.ggml.model`: `llama` (sentencepiece BPE), `gpt2` (byte-level BPE), `t5` (unigram), `bert`, … */
  readonly model: string;
  /** `tokenizer.ggml.pre`: which pattern cuts text before byte-level BPE. */
  readonly pre: string | null;
  /** The text of every token, by id. */
  readonly tokens: readonly string[];
  /** The score of every token, or null. */
  readonly scores: Float32Array | null;
  /** The type of every token (1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte), or null. */
  readonly tokenTypes: Int32Array | null;
  /** Pairs separated by a space, the first joined first; empty where there are none. */
  readonly merges: readonly string[];
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | null;
  /** The end of a turn, where it is another token. */
  readonly eotTokenId: number | null;
  readonly unknownTokenId: number | null;
  readonly padTokenId: number | null;
  /** Whether texts begin and end with those tokens, and with a space; null where the model's kind decides. */
  readonly addBosToken: boolean | null;
  readonly addEosToken: boolean | null;
  readonly addSpacePrefix: boolean | null;
  /** `tokenizer.chat_template`: a Jinja template. */
  readonly chatTemplate: string | null;
  /** `tokenizer.huggingface.json`: a whole tokenizer.json. */
  readonly huggingfaceJson: string | null;
}

/**
 * The vocabulary of a checkpoint, or null where it has none.
 *
 * @throws CheckpointError where a field is of another type, or lists are of other lengths than the tokens
 */
export function ggufVocabularyOf({ path, fields }: Pick<Checkpoint, "path" | "fields">): GgufVocabulary | null {
  const refuse = (key: string, expected: string, actual: string): never => {
    const message = `Cannot use the vocabulary of ${path}: ${key} is ${actual} but must be ${expected}, fetch or convert the file again`;
    throw new CheckpointError(message, path, { expected: `${key}: ${expected}`, actual });
  };
  function optional<Value extends MetadataValue>(
    key: string,
    expected: string,
    is: (value: MetadataValue) => value is Value,
  ): Value | null {
    const value = fields.get(key);
    if (value === undefined) return null;
    return is(value) ? value : refuse(key, expected, describe(value));
  }
  const text = (key: string) => optional(key, "a text", isText);
  const id = (name: string) => optional(`tokenizer.ggml.${name}_token_id`, "a token id", isId);
  const flag = (name: string) => optional(`tokenizer.ggml.${name}`, "true or false", isFlag);
  const model = text("tokenizer.ggml.model");
  const tokens = optional("tokenizer.ggml.tokens", "a list of texts", isTexts);
  if (model === null || tokens === null) return null;
  const perToken = <Value extends { readonly length: number }>(key: string, values: Value | null): Value | null => {
    if (values === null || values.length === tokens.length) return values;
    return refuse(key, `a list of ${tokens.length}, as many as tokens`, `a list of ${values.length}`);
  };
  const types = optional("tokenizer.ggml.token_type", "a list of integers", isIntegers);
  return {
    model,
    pre: text("tokenizer.ggml.pre"),
    tokens,
    scores: perToken("tokenizer.ggml.scores", optional("tokenizer.ggml.scores", "a list of f32", isFloats)),
    tokenTypes: perToken("tokenizer.ggml.token_type", types === null ? null : Int32Array.from(types)),
    merges: optional("tokenizer.ggml.merges", "a list of texts", isTexts) ?? [],
    bosTokenId: id("bos"),
    eosTokenId: id("eos"),
    eotTokenId: id("eot"),
    unknownTokenId: id("unknown"),
    padTokenId: id("padding"),
    addBosToken: flag("add_bos_token"),
    addEosToken: flag("add_eos_token"),
    addSpacePrefix: flag("add_space_prefix"),
    chatTemplate: text("tokenizer.chat_template"),
    huggingfaceJson: text("tokenizer.huggingface.json"),
  };
}

const isText = (value: MetadataValue): value is string => typeof value === "string";
const isFlag = (value: MetadataValue): value is boolean => typeof value === "boolean";
const isId = (value: MetadataValue): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0;
const isTexts = (value: MetadataValue): value is readonly string[] =>
  Array.isArray(value) && value.every((each) => typeof each === "string");
const isFloats = (value: MetadataValue): value is Float32Array => value instanceof Float32Array;
const isIntegers = (value: MetadataValue): value is Int32Array | Uint32Array | Uint8Array | Int8Array =>
  value instanceof Int32Array ||
  value instanceof Uint32Array ||
  value instanceof Uint8Array ||
  value instanceof Int8Array;

function describe(value: MetadataValue): string {
  return typeof value === "object" ? `a ${value.constructor.name} of ${value.length}` : `${String(value).slice(0, 60)}`;
}
