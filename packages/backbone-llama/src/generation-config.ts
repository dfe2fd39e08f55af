// Which tokens begin and end a text, from generation_config.json or config.json. Knows no sampling options: those
// belong to the caller.
import * as v from "valibot";
import { ConfigError } from "./config.ts";

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

/**
 * Parses the token ids of a generation config.
 *
 * @param json the parsed file
 * @param path its path, for messages
 * @param fallback the parsed config.json, asked for what the file leaves out
 * @throws ConfigError where an id is not a non-negative integer
 */
export function generationConfigFrom(json: unknown, path: string, fallback: unknown = {}): GenerationConfig {
  const [own, other] = [parse(json, path), parse(fallback, "config.json")];
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
