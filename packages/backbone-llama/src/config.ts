// config.json of a Hugging Face folder to the numbers a LLaMA needs. Never guesses: a key that would change logits and
// is not implemented is an error that names it. Knows no weights.
import type { BackboneConfig } from "@dual-head/backbone";
import * as v from "valibot";
import { architectures, inertValues, type LlamaArchitecture } from "./architectures.ts";

/** A model of the LLaMA family: H query heads share G key/value heads of size K. */
export interface LlamaConfig extends BackboneConfig {
  readonly architecture: LlamaArchitecture;
  /** F, the inner width of the feed-forward. */
  readonly feedForwardSize: number;
  /** H */
  readonly headCount: number;
  /** G, a divisor of H. */
  readonly groupCount: number;
  /** K, even. */
  readonly headSize: number;
  /** ε of every RMSNorm. */
  readonly normEpsilon: number;
  /** θ: pair i of a head turns by position·θ^(−2i/K). */
  readonly ropeTheta: number;
  /** The most keys a query sees, its own included; null for all. */
  readonly window: number | null;
  /** Whether the embedding is the head as well. */
  readonly tiedEmbeddings: boolean;
  /** Whether query, key, value and output projections have biases. */
  readonly attentionBias: boolean;
  /** Whether the feed-forward's projections have biases. */
  readonly feedForwardBias: boolean;
}

/** A config that cannot be run; carries the key and its value. */
export class ConfigError extends Error {
  override readonly name: string = "ConfigError";
  /** The file or label of the config. */
  readonly path: string;
  /** The offending key, or null where the whole is not a config. */
  readonly key: string | null;
  /** Its value as found; undefined where it is missing. */
  readonly value: unknown;

  constructor(path: string, key: string | null, value: unknown, reason: string) {
    const found = value === undefined ? "is missing" : `is ${JSON.stringify(value)}`;
    super(`Cannot use ${path}: ${key === null ? "it" : JSON.stringify(key)} ${found} but must be ${reason}`);
    this.path = path;
    this.key = key;
    this.value = value;
  }
}

const extent = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const positive = v.pipe(
  v.number(),
  v.finite(),
  v.check((value) => value > 0),
);
const flag = v.nullish(v.boolean(), false);

const schema = v.looseObject({
  model_type: v.picklist(Object.keys(architectures) as LlamaArchitecture[]),
  hidden_size: extent,
  intermediate_size: extent,
  num_hidden_layers: extent,
  num_attention_heads: extent,
  num_key_value_heads: v.nullish(extent),
  head_dim: v.nullish(extent),
  vocab_size: extent,
  max_position_embeddings: v.nullish(extent),
  rms_norm_eps: v.nullish(positive, 1e-6),
  rope_theta: v.nullish(positive),
  rope_scaling: v.nullish(v.looseObject({})),
  rope_parameters: v.nullish(v.looseObject({ rope_theta: v.nullish(positive) })),
  sliding_window: v.optional(v.nullable(extent)),
  tie_word_embeddings: flag,
  attention_bias: flag,
  mlp_bias: flag,
});

type Json = v.InferOutput<typeof schema>;

/**
 * Parses the config of a LLaMA-family model.
 *
 * @param json the parsed config.json
 * @param path its path, for messages
 * @throws ConfigError for an unknown architecture, a missing or malformed key, or a key that would change logits and is
 * not implemented (scaled rotary embeddings, other activations, quantised weights, …)
 */
export function llamaConfigFrom(json: unknown, path: string = "config.json"): LlamaConfig {
  const parsed = v.safeParse(schema, json);
  if (!parsed.success) throw toConfigError(path, json, parsed.issues[0]);
  const config = parsed.output;
  const row = architectures[config.model_type];
  checkInert(path, config);
  const headCount = config.num_attention_heads;
  const groupCount = config.num_key_value_heads ?? row.groupCount ?? headCount;
  if (headCount % groupCount !== 0) {
    throw new ConfigError(path, "num_key_value_heads", groupCount, `a divisor of the ${headCount} attention heads`);
  }
  const headSize = config.head_dim ?? config.hidden_size / headCount;
  if (!Number.isInteger(headSize)) {
    throw new ConfigError(
      path,
      "num_attention_heads",
      headCount,
      `a divisor of hidden_size ${config.hidden_size} where head_dim is not given; add head_dim`,
    );
  }
  if (headSize % 2 !== 0) throw new ConfigError(path, "head_dim", headSize, "even, for rotary embeddings turn pairs");
  return {
    architecture: config.model_type,
    hiddenSize: config.hidden_size,
    vocabSize: config.vocab_size,
    maxTokens: config.max_position_embeddings ?? row.maxTokens,
    layerCount: config.num_hidden_layers,
    feedForwardSize: config.intermediate_size,
    headCount,
    groupCount,
    headSize,
    normEpsilon: config.rms_norm_eps,
    ropeTheta: config.rope_parameters?.rope_theta ?? config.rope_theta ?? 10000,
    window: windowOf(path, config),
    tiedEmbeddings: config.tie_word_embeddings,
    attentionBias: config.attention_bias,
    feedForwardBias: config.mlp_bias,
  };
}

function windowOf(path: string, config: Json): number | null {
  const row = architectures[config.model_type];
  if (row.window !== "unsupported") return config.sliding_window === undefined ? row.window : config.sliding_window;
  if (config.sliding_window === undefined || config.sliding_window === null) return null;
  throw new ConfigError(
    path,
    "sliding_window",
    config.sliding_window,
    `null for model_type ${config.model_type}; use model_type mistral if the model was trained with a window`,
  );
}

/** Throws where a key asks for something that is not implemented and would change logits. */
function checkInert(path: string, config: Json): void {
  const rope = config.rope_parameters ?? config.rope_scaling;
  const ropeKey = config.rope_parameters ? "rope_parameters" : "rope_scaling";
  if (rope) {
    const type = rope.rope_type ?? rope.type ?? (config.rope_parameters ? "default" : undefined);
    if (type !== "default") {
      const remedy = "null or of type default; scaled rotary embeddings are not supported, use the model without them";
      throw new ConfigError(path, ropeKey, rope, remedy);
    }
    if ((rope.partial_rotary_factor ?? 1) !== 1) {
      throw new ConfigError(
        path,
        ropeKey,
        rope,
        "without partial_rotary_factor; heads that turn in part are not supported",
      );
    }
  }
  for (const [key, inert] of Object.entries(inertValues)) {
    const value = config[key];
    if (value === undefined || value === null || inert.includes(value)) continue;
    const allowed = ["left out", ...inert.map((each) => JSON.stringify(each))].join(" or ");
    throw new ConfigError(path, key, value, `${allowed}; the rest is not supported, use another checkpoint`);
  }
  if (architectures[config.model_type].biases) return;
  for (const key of ["attention_bias", "mlp_bias"] as const) {
    if (config[key]) throw new ConfigError(path, key, true, `false for model_type ${config.model_type}`);
  }
}

const requirements: Readonly<Record<string, string>> = {
  model_type: `one of ${Object.keys(architectures).join(", ")}; other architectures are not supported`,
  rms_norm_eps: "a positive number",
  rope_theta: "a positive number",
  rope_scaling: "an object or null",
  rope_parameters: "an object with a positive rope_theta, or null",
  tie_word_embeddings: "true or false",
  attention_bias: "true or false",
  mlp_bias: "true or false",
};

function toConfigError(path: string, json: unknown, issue: v.BaseIssue<unknown>): ConfigError {
  const key = issue.path?.[0]?.key;
  if (typeof key !== "string") return new ConfigError(path, null, json, "the object of a Hugging Face config.json");
  const value = (json as Readonly<Record<string, unknown>>)[key];
  return new ConfigError(
    path,
    key,
    value,
    requirements[key] ?? "an integer from 1 on; use the model's own config.json",
  );
}
