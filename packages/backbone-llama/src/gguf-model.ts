// The metadata of a GGUF file as a config. Never guesses: a key of its architecture that is not known is an error that
// names it. Knows neither bytes nor device.

import { ConfigError } from "@dual-head/backbone";
import { type Checkpoint, ggufVocabularyOf, type MetadataValue } from "@dual-head/checkpoint";
import {
  type GgufArchitecture,
  ggufArchitectures,
  ggufFrequencyTensors,
  ggufInertKeys,
  ggufOuterNames,
  ggufReadKeys,
} from "./gguf-architectures.ts";
import type { ModelDescription } from "./renamed-checkpoint.ts";
import { ropeScalingOfDivisors } from "./rope-divisors.ts";

/**
 * Describes an opened GGUF file.
 *
 * @throws ConfigError for an architecture or key that is not known, or a value that cannot be run
 * @throws CheckpointError where a tensor it needs is missing
 */
export async function ggufModel(checkpoint: Checkpoint): Promise<ModelDescription> {
  const { path, fields } = checkpoint;
  const name = fields.get("general.architecture");
  const row = typeof name === "string" && Object.hasOwn(ggufArchitectures, name) ? ggufArchitectures[name] : undefined;
  if (row === undefined || typeof name !== "string") {
    const known = Object.keys(ggufArchitectures).join(", ");
    throw new ConfigError(path, "general.architecture", plain(name), `one of ${known}; others are not supported`);
  }
  const metadata = new ArchitectureFields(path, name, fields);
  checkKeys(metadata, row);
  const json: Record<string, unknown> = { model_type: row.modelType };
  for (const [key, configKey] of Object.entries(row.keys)) {
    const value = metadata.uniform(key);
    if (value !== undefined) json[configKey] = value;
  }
  const [vocabSize, hiddenSize] = checkpoint.spec("token_embd.weight").shape;
  json.vocab_size = vocabSize;
  json.tie_word_embeddings = !checkpoint.has("output.weight");
  if (checkpoint.has("blk.0.attn_q.bias") && row.modelType === "llama") json.attention_bias = true;
  if (checkpoint.has("blk.0.ffn_gate.bias") && row.modelType === "llama") json.mlp_bias = true;
  // Files of Mistral are of architecture llama; one with a window says so.
  if (row.modelType === "llama" && json.sliding_window !== undefined) json.model_type = "mistral";
  const headCount = metadata.uniform("attention.head_count");
  const headSize = Number(json.head_dim ?? Number(json.hidden_size ?? hiddenSize) / Number(headCount));
  checkHeads(metadata, headSize);
  await describeRotation(checkpoint, metadata, json, headSize);
  const groupCount = metadata.uniform("attention.head_count_kv") ?? headCount;
  const headCounts: Readonly<Record<string, unknown>> = row.paired ? { q: headCount, k: groupCount } : {};
  const vocabulary = ggufVocabularyOf(checkpoint);
  const ends = [vocabulary?.eosTokenId, vocabulary?.eotTokenId].filter((id) => id !== null && id !== undefined);
  return {
    json,
    generation: { bosTokenId: vocabulary?.bosTokenId ?? null, eosTokenIds: [...new Set(ends)] },
    nameOf(stored) {
      if (ggufFrequencyTensors.includes(stored)) return null;
      const [, layer, part, suffix] = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(stored) ?? [];
      const known = part !== undefined && Object.hasOwn(row.layerNames, part) ? row.layerNames[part] : undefined;
      if (known !== undefined) return `model.layers.${layer}.${known}.${suffix}`;
      return Object.hasOwn(ggufOuterNames, stored) ? ggufOuterNames[stored]! : stored;
    },
    headCountOf: (weight) => (headCounts[/\.([qk])_proj\./.exec(weight)?.[1] ?? ""] as number | undefined) ?? null,
  };
}

/** The fields behind an architecture's name. */
class ArchitectureFields {
  readonly path: string;
  readonly #prefix: string;
  readonly #fields: ReadonlyMap<string, MetadataValue>;
  constructor(path: string, architecture: string, fields: ReadonlyMap<string, MetadataValue>) {
    this.path = path;
    this.#prefix = `${architecture}.`;
    this.#fields = fields;
  }

  /** Keys without the prefix. */
  keys(): readonly string[] {
    const own = [...this.#fields.keys()].filter((key) => key.startsWith(this.#prefix));
    return own.map((key) => key.slice(this.#prefix.length));
  }

  get(key: string): MetadataValue | undefined {
    return this.#fields.get(this.#prefix + key);
  }

  /** A value that layers may give one by one, which must then be the same. */
  uniform(key: string): MetadataValue | undefined {
    const value = this.get(key);
    if (typeof value !== "object") return value;
    const [first] = value;
    if (value.length > 0 && [...(value as Iterable<unknown>)].every((each) => each === first)) return first;
    return this.refuse(key, "the same in all layers");
  }

  refuse(key: string, requirement: string): never {
    throw new ConfigError(this.path, this.#prefix + key, plain(this.get(key)), requirement);
  }
}

/** A value as it can be shown: bigints and long lists are no JSON. */
function plain(value: MetadataValue | undefined): unknown {
  if (typeof value === "bigint") return `${value}`;
  return typeof value === "object" ? `a list of ${value.length}` : value;
}

function checkKeys(metadata: ArchitectureFields, row: GgufArchitecture): void {
  for (const key of metadata.keys()) {
    if (Object.hasOwn(row.keys, key) || ggufReadKeys.includes(key) || ggufInertKeys.includes(key)) continue;
    metadata.refuse(key, "left out, for it is not supported; use another checkpoint");
  }
}

function checkHeads(metadata: ArchitectureFields, headSize: number): void {
  const valueSize = metadata.uniform("attention.value_length") ?? headSize;
  if (valueSize !== headSize) metadata.refuse("attention.value_length", `${headSize}, as long as keys`);
}

/** Rotary embeddings: how much of a head turns, and how frequencies are stretched. */
async function describeRotation(
  checkpoint: Checkpoint,
  metadata: ArchitectureFields,
  json: Record<string, unknown>,
  headSize: number,
): Promise<void> {
  const turned = metadata.uniform("rope.dimension_count") ?? headSize;
  if (typeof turned !== "number") metadata.refuse("rope.dimension_count", "a number");
  if (turned !== headSize) json.partial_rotary_factor = Number(turned) / headSize;
  const number = (key: string) => {
    const value = metadata.get(key);
    return value === undefined || typeof value === "number" ? value : metadata.refuse(key, "a number");
  };
  const context = Number(json.max_position_embeddings);
  const original = number("rope.scaling.original_context_length");
  const attentionFactor = number("rope.scaling.attn_factor");
  const read = async (name: string) => [...(await checkpoint.read(name, "f64"))];
  if (checkpoint.has("rope_factors_short.weight") || checkpoint.has("rope_factors_long.weight")) {
    json.original_max_position_embeddings = original ?? context;
    json.rope_scaling = {
      rope_type: "longrope",
      short_factor: await read("rope_factors_short.weight"),
      long_factor: await read("rope_factors_long.weight"),
      ...(attentionFactor === undefined ? {} : { attention_factor: attentionFactor }),
    };
    return;
  }
  if (attentionFactor !== undefined && attentionFactor !== 1) {
    metadata.refuse("rope.scaling.attn_factor", "1; other factors are not supported");
  }
  const type = metadata.get("rope.scaling.type") ?? "linear";
  const factor = number("rope.scaling.factor") ?? number("rope.scale_linear");
  const isPlain = type === "none" || (type === "linear" && (factor === undefined || factor === 1 || factor === 0));
  if (checkpoint.has("rope_freqs.weight")) {
    const key = type === "linear" ? "rope.scaling.factor" : "rope.scaling.type";
    if (!isPlain) metadata.refuse(key, "left out beside the tensor rope_freqs.weight; both are not supported");
    const divisors = await read("rope_freqs.weight");
    const rotarySize = Number(turned);
    if (divisors.length !== rotarySize / 2) {
      metadata.refuse("rope.dimension_count", `twice the ${divisors.length} numbers of rope_freqs.weight`);
    }
    const ropeTheta = Number(json.rope_theta ?? 10000);
    json.rope_scaling = ropeScalingOfDivisors(divisors, { headSize, rotarySize, ropeTheta }, context);
  }
  if (isPlain) return;
  if (type !== "linear" && type !== "yarn") metadata.refuse("rope.scaling.type", "none, linear or yarn");
  json.rope_scaling = {
    rope_type: type,
    factor,
    ...(type === "yarn" && original !== undefined ? { original_max_position_embeddings: original } : {}),
  };
}
