// What the files beside a vocabulary say: special tokens, chat template, when generation ends.
// It does not know the vocabulary, so tokens are still text here.
import { isObject, malformed } from "./tokenizer-error.ts";

/** A token added by the config and not by the vocabulary's own file. */
export interface ConfiguredToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
}

/** The settings of a tokenizer, gathered from all of its files. */
export interface TokenizerConfig {
  /** The folder or label, for messages. */
  readonly path: string;
  readonly tokenizerClass: string | null;
  readonly bosToken: string | null;
  readonly eosToken: string | null;
  /** Every text that stands for a control token; completed from tokenizer.json once the vocabulary is known. */
  readonly specialTokens: readonly string[];
  /** Tokens that the config adds by id. */
  readonly addedTokens: readonly ConfiguredToken[];
  /** Whether encoding begins with the bos token; null leaves it to the post-processor. */
  readonly addBosToken: boolean | null;
  /** Whether encoding ends with the eos token; null leaves it to the post-processor. */
  readonly addEosToken: boolean | null;
  /** Whether decoding removes spaces before punctuation, as old English tokenizers wanted. */
  readonly cleanUpSpaces: boolean;
  /** Jinja source of the chat template, or null. */
  readonly chatTemplate: string | null;
  /** `bos_token_id` of the generation config, or null. */
  readonly generationBosId: number | null;
  /** `eos_token_id` of the generation config, one or several. */
  readonly generationEosIds: readonly number[];
}

/** The parsed JSON of the files that may lie beside tokenizer.json; absent files are left out. */
export interface TokenizerConfigFiles {
  readonly tokenizerConfig?: unknown;
  readonly specialTokensMap?: unknown;
  /** Ids by text of tokens that a vocabulary of another format lacks. */
  readonly addedTokens?: unknown;
  readonly generationConfig?: unknown;
  /** The text of `chat_template.jinja`, which takes precedence. */
  readonly chatTemplate?: string;
}

const roles = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"] as const;

function parseToken(value: unknown, path: string, field: string): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return value;
  if (isObject(value) && typeof value.content === "string") return value.content;
  throw malformed(path, field, "a string, an object with a string content, or null");
}

function parseFlag(value: unknown, path: string, field: string): boolean | null {
  if (value === undefined || value === null || typeof value === "boolean") return value ?? null;
  throw malformed(path, field, "true, false or null");
}

function parseIds(value: unknown, path: string, field: string): readonly number[] {
  if (value === undefined || value === null) return [];
  const ids: readonly unknown[] = Array.isArray(value) ? value : [value];
  for (const id of ids) {
    if (!Number.isSafeInteger(id) || (id as number) < 0) {
      throw malformed(path, field, "a non-negative integer or a list of them");
    }
  }
  return ids as readonly number[];
}

/** A template is a text, or a list of named ones, of which `default` is the one for plain chats. */
function parseTemplate(value: unknown, path: string): string | null {
  if (value === undefined || value === null || typeof value === "string") return value ?? null;
  if (Array.isArray(value)) {
    const found = value.find((each) => isObject(each) && each.name === "default");
    if (isObject(found) && typeof found.template === "string") return found.template;
  }
  throw malformed(path, "chat_template", "a string, or a list with a template named default");
}

function parseObject(value: unknown, path: string, file: string): Readonly<Record<string, unknown>> {
  if (value === undefined) return {};
  if (!isObject(value)) throw malformed(path, file, "a JSON object");
  return value;
}

function parseAddedTokens(value: unknown, path: string): readonly ConfiguredToken[] {
  if (value === undefined || value === null) return [];
  if (!isObject(value)) throw malformed(path, "added_tokens_decoder", "an object");
  return Object.entries(value).map(([key, entry]) => {
    const content = parseToken(entry, path, `added_tokens_decoder.${key}`);
    if (!/^\d{1,7}$/.test(key) || !content) {
      throw malformed(path, `added_tokens_decoder.${key}`, "an id with a non-empty content");
    }
    return { id: Number(key), content, special: isObject(entry) && entry.special === true };
  });
}

function parseTokenTable(value: unknown, path: string): readonly ConfiguredToken[] {
  return Object.entries(parseObject(value, path, "added_tokens.json")).map(([content, id]) => {
    if (!Number.isSafeInteger(id) || (id as number) < 0 || content === "") {
      throw malformed(path, `added_tokens.json ${JSON.stringify(content)}`, "a text with a non-negative integer");
    }
    return { id: id as number, content, special: false };
  });
}

/**
 * Parses the files beside tokenizer.json.
 *
 * @param files the parsed JSON of those present
 * @param path the folder or label, for messages
 * @throws TokenizerError that names the field that is not as the format says
 */
export function parseTokenizerConfig(files: TokenizerConfigFiles, path: string = "the tokenizer"): TokenizerConfig {
  const config = parseObject(files.tokenizerConfig, path, "tokenizer_config.json");
  const map = parseObject(files.specialTokensMap, path, "special_tokens_map.json");
  const generation = parseObject(files.generationConfig, path, "generation_config.json");
  const tokenOf = (role: string): string | null =>
    parseToken(config[role], path, role) ?? parseToken(map[role], path, role);
  const additional = [config.additional_special_tokens, map.additional_special_tokens].flatMap((list) => {
    if (list === undefined || list === null) return [];
    if (!Array.isArray(list)) throw malformed(path, "additional_special_tokens", "a list");
    return list.map((each) => parseToken(each, path, "additional_special_tokens"));
  });
  const configured = parseAddedTokens(config.added_tokens_decoder, path);
  const known = new Set(configured.map((token) => token.content));
  const table = parseTokenTable(files.addedTokens, path).filter((token) => !known.has(token.content));
  const addedTokens = [...configured, ...table];
  const special = [
    ...roles.map(tokenOf),
    ...additional,
    ...addedTokens.filter((token) => token.special).map((token) => token.content),
  ];
  const tokenizerClass = config.tokenizer_class ?? null;
  if (tokenizerClass !== null && typeof tokenizerClass !== "string") {
    throw malformed(path, "tokenizer_class", "a string");
  }
  return {
    path,
    tokenizerClass,
    bosToken: tokenOf("bos_token"),
    eosToken: tokenOf("eos_token"),
    specialTokens: [...new Set(special.filter((token) => token !== null && token !== ""))] as readonly string[],
    addedTokens,
    addBosToken: parseFlag(config.add_bos_token, path, "add_bos_token"),
    addEosToken: parseFlag(config.add_eos_token, path, "add_eos_token"),
    cleanUpSpaces: parseFlag(config.clean_up_tokenization_spaces, path, "clean_up_tokenization_spaces") ?? false,
    chatTemplate: files.chatTemplate ?? parseTemplate(config.chat_template, path),
    generationBosId: parseIds(generation.bos_token_id, path, "bos_token_id")[0] ?? null,
    generationEosIds: parseIds(generation.eos_token_id, path, "eos_token_id"),
  };
}
