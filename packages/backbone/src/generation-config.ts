// Which tokens begin and end a text, from generation_config.json or config.json. Knows no sampling options: those
// belong to the caller.
import * as v from "valibot";
import { ConfigError } from "./config-error.ts";

/** Tokens that begin and end a text. */
export interface GenerationConfig {
  /** The token every text begins with, or null. */
  readonly bosTokenId: number | null;
  /** Tokens that end a text; may be empty. */
  readonly eosTokenIds: readonly number[];
}

const tokenId = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const schema = v.looseObject({
  bos_token_id: v.nullish(tokenId),
  eos_token_id: v.nullish(v.union([tokenId, v.array(tokenId)])),
});

/** Keys that forbid, force or favour tokens, with the values under which they do nothing. */
const inertValues: Readonly<Record<string, readonly unknown[]>> = {
  suppress_tokens: [],
  begin_suppress_tokens: [],
  bad_words_ids: [],
  forced_bos_token_id: [],
  forced_eos_token_id: [],
  forced_decoder_ids: [],
  sequence_bias: [],
  force_words_ids: [],
  constraints: [],
  exponential_decay_length_penalty: [],
  watermarking_config: [],
  guidance_scale: [1],
};

/**
 * Parses the token ids of a generation config.
 *
 * @param json the parsed file
 * @param path its path, for messages
 * @param fallback the parsed config.json, asked for what the file leaves out
 * @throws ConfigError where an id is not a non-negative integer, or the file forbids, forces or favours tokens
 */
export function generationConfigFrom(json: unknown, path: string, fallback: unknown = {}): GenerationConfig {
  const [own, other] = [parse(json, path), parse(fallback, "config.json")];
  for (const [key, inert] of Object.entries(inertValues)) {
    const value = own[key];
    const nothing = value === undefined || value === null || inert.includes(value);
    if (nothing || (Array.isArray(value) && value.length === 0)) continue;
    throw new ConfigError(path, key, value, "left out; generation that forbids or forces tokens is not supported");
  }
  const eos = own.eos_token_id ?? other.eos_token_id ?? [];
  return {
    bosTokenId: own.bos_token_id ?? other.bos_token_id ?? null,
    eosTokenIds: typeof eos === "number" ? [eos] : [...new Set(eos)],
  };
}

function parse(json: unknown, path: string): v.InferOutput<typeof schema> {
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return parsed.output;
  const key = parsed.issues[0].path?.[0]?.key;
  if (typeof key !== "string") throw new ConfigError(path, null, json, "an object");
  const value = (json as Readonly<Record<string, unknown>>)[key];
  throw new ConfigError(path, key, value, "a token id or, for the end of a text, a list of them");
}
