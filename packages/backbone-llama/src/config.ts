// config.json of a Hugging Face folder to the numbers a LLaMA needs. Never guesses: a key that would change logits and
// is not implemented is an error that names it. Knows no weights.
import { type BackboneConfig, ConfigError, type ConfigOptions, checkConfigKeys } from "@dual-head/backbone";
import * as v from "valibot";
import { architectures, defaultMaxWindowLayers, inertValues, type LlamaArchitecture } from "./architectures.ts";
import { exactPositions, type RopeScaling, ropeKeys, ropeScalingFrom } from "./rope-scaling.ts";

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
  /** R, even and at most K: as many numbers of a head turn, the rest keeps still; null for all K. */
  readonly rotarySize: number | null;
  /** θ: pair i of a head turns by position·θ^(−2i/R). */
  readonly ropeTheta: number;
  /** How angles are stretched past the length of the first training; null where they are not. */
  readonly ropeScaling: RopeScaling | null;
  /** The most keys a query sees, its own included; null for all. */
  readonly window: number | null;
  /** Whether the embedding is the head as well. */
  readonly tiedEmbeddings: boolean;
  /** Whether query, key and value projections have biases. */
  readonly attentionBias: boolean;
  /** Whether the attention's output projection has a bias. */
  readonly outputBias: boolean;
  /** Whether the feed-forward's projections have biases. */
  readonly feedForwardBias: boolean;
}

// Positions and rows are 32-bit numbers on every device; no model has layers in the thousands.
const extent = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(2 ** 31 - 1));
const layerCount = v.pipe(extent, v.maxValue(4096));
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
  num_hidden_layers: layerCount,
  num_attention_heads: extent,
  num_key_value_heads: v.nullish(extent),
  head_dim: v.nullish(extent),
  vocab_size: extent,
  max_position_embeddings: v.nullish(extent),
  original_max_position_embeddings: v.nullish(extent),
  rms_norm_eps: v.nullish(positive),
  rope_theta: v.nullish(positive),
  rope_scaling: v.nullish(v.looseObject({})),
  rope_parameters: v.nullish(v.looseObject({ rope_theta: v.nullish(positive) })),
  partial_rotary_factor: v.nullish(positive),
  sliding_window: v.optional(v.nullable(extent)),
  use_sliding_window: flag,
  max_window_layers: v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(0)), defaultMaxWindowLayers),
  layer_types: v.nullish(v.array(v.picklist(["full_attention", "sliding_attention"]))),
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
 * @throws ConfigError for an unknown architecture, a missing or malformed key, a key that would change logits and is not
 * implemented (other activations, quantised weights, windows of some layers, …), or one that is not known at all
 */
export function llamaConfigFrom(json: unknown, path: string = "config.json", options: ConfigOptions = {}): LlamaConfig {
  const parsed = v.safeParse(schema, json);
  if (!parsed.success) throw toConfigError(path, json, parsed.issues[0]);
  const config = parsed.output;
  const row = architectures[config.model_type];
  checkKeys(path, config, options);
  const headCount = config.num_attention_heads;
  const given = config.num_key_value_heads;
  const groupCount = (given === undefined ? row.groupCount : given) ?? headCount;
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
  const ropeTheta = config.rope_parameters?.rope_theta ?? config.rope_theta ?? 10000;
  const positions = config.max_position_embeddings ?? row.maxTokens;
  const rotarySize = rotarySizeOf(path, config, headSize);
  const ropeScaling = scalingOf(path, config, positions, rotarySize);
  if (ropeScaling?.type === "yarn" && ropeTheta <= 1) {
    throw new ConfigError(path, "rope_theta", ropeTheta, "above 1 for a rope_scaling of type yarn");
  }
  return {
    architecture: config.model_type,
    hiddenSize: config.hidden_size,
    vocabSize: config.vocab_size,
    maxTokens: maxTokensOf(positions, ropeScaling),
    layerCount: config.num_hidden_layers,
    feedForwardSize: config.intermediate_size,
    headCount,
    groupCount,
    headSize,
    normEpsilon: config.rms_norm_eps ?? row.normEpsilon,
    rotarySize: rotarySize === headSize ? null : rotarySize,
    ropeTheta,
    ropeScaling,
    window: windowOf(path, config),
    tiedEmbeddings: config.tie_word_embeddings,
    attentionBias: row.biases === "query, key, value" || (row.biases === "knobs" && config.attention_bias),
    outputBias: row.biases === "knobs" && config.attention_bias,
    feedForwardBias: row.biases === "knobs" && config.mlp_bias,
  };
}

/** Positions that can be run: yarn is set to go beyond those of the training, others stop being exact before. */
function maxTokensOf(positions: number, scaling: RopeScaling | null): number {
  if (scaling?.type !== "yarn") return Math.min(positions, exactPositions(scaling) ?? positions);
  return Math.max(positions, Math.min(Math.floor(scaling.factor * scaling.originalMaxTokens), 2 ** 31 - 1));
}

/** R of a config: K·partial_rotary_factor, rounded down. */
function rotarySizeOf(path: string, config: Json, headSize: number): number {
  const { partial } = architectures[config.model_type];
  const inner = config.rope_parameters ?? config.rope_scaling;
  const fraction: unknown = inner?.partial_rotary_factor ?? config.partial_rotary_factor ?? 1;
  const refuse = (requirement: string): never => {
    throw new ConfigError(path, "partial_rotary_factor", fraction, requirement);
  };
  if (typeof fraction !== "number") return refuse("a number above 0 and at most 1");
  if (!partial && fraction !== 1) return refuse(`1 for model_type ${config.model_type}, whose heads turn whole`);
  const size = Math.floor(headSize * fraction);
  if (fraction > 1 || size < 2 || size % 2 !== 0) {
    return refuse(`at most 1 and such that an even number of a head's ${headSize} turn`);
  }
  return size;
}

function scalingOf(path: string, config: Json, maxTokens: number, rotarySize: number): RopeScaling | null {
  const row = architectures[config.model_type];
  const key = config.rope_parameters ? "rope_parameters" : "rope_scaling";
  const rope: Readonly<Record<string, unknown>> | null | undefined = config.rope_parameters ?? config.rope_scaling;
  if (!rope) return null;
  const unknown = Object.keys(rope).find(
    (name) => !ropeKeys.includes(name) && rope[name] != null && rope[name] !== false,
  );
  if ("full_attention" in rope || "sliding_attention" in rope) {
    throw new ConfigError(path, key, rope, "one rule for all layers; rules by type of layer are not supported");
  }
  if (unknown !== undefined) {
    throw new ConfigError(path, key, rope, `an object without ${JSON.stringify(unknown)}, which is not supported`);
  }
  // Of the two, the newer key may leave out that it scales nothing.
  const named = key === "rope_parameters" && rope.rope_type == null && rope.type == null;
  return ropeScalingFrom(
    named ? { ...rope, rope_type: "default" } : rope,
    {
      maxTokens,
      originalMaxTokens: config.original_max_position_embeddings ?? row.originalMaxTokens,
      pairCount: rotarySize / 2,
      longRopeNames: row.longRopeNames,
    },
    (requirement) => {
      throw new ConfigError(path, key, rope, requirement);
    },
  );
}

function windowOf(path: string, config: Json): number | null {
  const { window: rule } = architectures[config.model_type];
  const given = config.sliding_window;
  if (rule === null && given != null) {
    const remedy = `null for model_type ${config.model_type}; use model_type mistral if the model was trained with a window`;
    throw new ConfigError(path, "sliding_window", given, remedy);
  }
  const enabled = rule !== null && (!rule.switched || config.use_sliding_window);
  const size = given === undefined ? (rule?.absent ?? null) : given;
  const [layerCount, types] = [config.num_hidden_layers, config.layer_types];
  if (types && types.length !== layerCount) {
    throw new ConfigError(path, "layer_types", types, `a list of ${layerCount}, one for each layer`);
  }
  const window = enabled ? size : null;
  const sliding = types?.filter((type) => type === "sliding_attention").length;
  if (window === null) {
    if (sliding) throw new ConfigError(path, "layer_types", types, "full_attention only, for no sliding_window is set");
    return null;
  }
  const windowed = sliding ?? (rule?.switched ? Math.max(0, layerCount - config.max_window_layers) : layerCount);
  if (windowed === layerCount) return window;
  if (windowed === 0 && rule?.switched) return null;
  const [key, value] = types ? ["layer_types", types] : ["max_window_layers", config.max_window_layers];
  const remedy = `such that all layers have the window of ${window} or, where use_sliding_window says so, none`;
  throw new ConfigError(path, String(key), value, `${remedy}; windows of some layers are not supported`);
}

/** Throws where a key asks for something that is not implemented, or may. */
function checkKeys(path: string, config: Json, options: ConfigOptions): void {
  checkConfigKeys(path, config, { read: Object.keys(schema.entries), inert: inertValues }, options);
  const { biases } = architectures[config.model_type];
  const fixed = { knobs: [], "query, key, value": ["mlp_bias"], none: ["attention_bias", "mlp_bias"] } as const;
  for (const key of fixed[biases]) {
    if (config[key]) throw new ConfigError(path, key, true, `false for model_type ${config.model_type}`);
  }
}

const requirements: Readonly<Record<string, string>> = {
  model_type: `one of ${Object.keys(architectures).join(", ")}; other architectures are not supported`,
  rms_norm_eps: "a positive number",
  rope_theta: "a positive number",
  rope_scaling: "an object or null",
  rope_parameters: "an object with a positive rope_theta, or null",
  partial_rotary_factor: "a positive number",
  use_sliding_window: "true or false",
  max_window_layers: "an integer from 0 on",
  layer_types: "a list of full_attention and sliding_attention, one for each layer",
  num_hidden_layers: "an integer from 1 to 4096; use the model's own config.json",
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
    requirements[key] ?? "an integer from 1 to 2147483647; use the model's own config.json",
  );
}
