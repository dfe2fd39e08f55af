// config.json of a Hugging Face folder to the numbers a GPT-2 needs. Never guesses: a key that would change logits and is
// not implemented is an error that names it. Knows no weights.
import { type BackboneConfig, ConfigError, type ConfigOptions, checkConfigKeys } from "@dual-head/backbone";
import * as v from "valibot";

/** A GPT-2: learned positions, LayerNorm, H heads of size D/H, a feed-forward of width F with GELU's tanh form. */
export interface Gpt2Config extends BackboneConfig {
  /** H, a divisor of D. */
  readonly headCount: number;
  /** F */
  readonly feedForwardSize: number;
  /** ε of every LayerNorm. */
  readonly normEpsilon: number;
  /** Whether scores are divided by √(D/H). */
  readonly scaledScores: boolean;
  /** Whether scores of layer l, from 0, are divided by l + 1 as well. */
  readonly scoresByLayer: boolean;
  /** Whether the embedding is the head as well. */
  readonly tiedEmbeddings: boolean;
}

// Positions and rows are 32-bit numbers on every device; no model has layers in the thousands.
const extent = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(2 ** 31 - 1));
const flag = (absent: boolean) => v.nullish(v.boolean(), absent);

const schema = v.looseObject({
  model_type: v.literal("gpt2"),
  n_embd: extent,
  n_layer: v.pipe(extent, v.maxValue(4096)),
  n_head: extent,
  n_inner: v.nullish(extent),
  n_positions: v.nullish(extent),
  n_ctx: v.nullish(extent),
  vocab_size: extent,
  activation_function: v.nullish(v.picklist(["gelu_new", "gelu_pytorch_tanh"])),
  layer_norm_epsilon: v.nullish(
    v.pipe(
      v.number(),
      v.finite(),
      v.check((value) => value > 0),
    ),
    1e-5,
  ),
  scale_attn_weights: flag(true),
  scale_attn_by_inverse_layer_idx: flag(false),
  tie_word_embeddings: flag(true),
  add_cross_attention: v.nullish(v.literal(false)),
  quantization_config: v.nullish(v.never()),
});

/** Names of other architectures that a config may give beside its own, with the same values. */
const otherNames = {
  hidden_size: "n_embd",
  num_hidden_layers: "n_layer",
  num_attention_heads: "n_head",
  max_position_embeddings: "n_positions",
} as const;

/**
 * Parses the config of a GPT-2.
 *
 * @param json the parsed config.json
 * @param path its path, for messages
 * @throws ConfigError for another architecture, a missing or malformed key, a key that would change logits and is not
 * implemented (other activations, cross-attention, quantised weights), or one that is not known at all
 */
export function gpt2ConfigFrom(json: unknown, path: string = "config.json", options: ConfigOptions = {}): Gpt2Config {
  const parsed = v.safeParse(schema, json);
  if (!parsed.success) throw toConfigError(path, json, parsed.issues[0]);
  const config = parsed.output;
  const inert = Object.fromEntries(Object.entries(otherNames).map(([other, key]) => [other, [config[key]]] as const));
  checkConfigKeys(path, config, { read: Object.keys(schema.entries), inert }, options);
  if (config.n_embd % config.n_head !== 0) {
    throw new ConfigError(path, "n_head", config.n_head, `a divisor of n_embd ${config.n_embd}`);
  }
  return {
    hiddenSize: config.n_embd,
    vocabSize: config.vocab_size,
    maxTokens: config.n_positions ?? config.n_ctx ?? 1024,
    layerCount: config.n_layer,
    headCount: config.n_head,
    feedForwardSize: config.n_inner ?? 4 * config.n_embd,
    normEpsilon: config.layer_norm_epsilon,
    scaledScores: config.scale_attn_weights,
    scoresByLayer: config.scale_attn_by_inverse_layer_idx,
    tiedEmbeddings: config.tie_word_embeddings,
  };
}

const requirements: Readonly<Record<string, string>> = {
  model_type: "gpt2; other architectures are not supported here",
  activation_function: "gelu_new; other activations are not supported",
  layer_norm_epsilon: "a positive number",
  scale_attn_weights: "true or false",
  scale_attn_by_inverse_layer_idx: "true or false",
  tie_word_embeddings: "true or false",
  add_cross_attention: "false; cross-attention is not supported",
  quantization_config: "left out; quantised weights are not supported, use another checkpoint",
  n_layer: "an integer from 1 to 4096; use the model's own config.json",
};

function toConfigError(path: string, json: unknown, issue: v.BaseIssue<unknown>): ConfigError {
  const key = issue.path?.[0]?.key;
  if (typeof key !== "string") return new ConfigError(path, null, json, "the object of a Hugging Face config.json");
  const value = (json as Readonly<Record<string, unknown>>)[key];
  const requirement = requirements[key] ?? "an integer from 1 to 2147483647; use the model's own config.json";
  return new ConfigError(path, key, value, requirement);
}
