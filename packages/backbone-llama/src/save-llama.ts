// Parameters on a device to a Hugging Face folder that transformers and loadLlama read alike. Knows no tokenizer.
import { ConfigError, type GenerationConfig } from "@dual-head/backbone";
import { createDirectory, f32ToBf16, f32ToF16, writeFileAtomic } from "@dual-head/bytes";
import { type DeferredTensor, writeSafetensors } from "@dual-head/checkpoint";
import { leavesOf, type Tensor, unpack } from "@dual-head/tensor-core";
import { architectures } from "./architectures.ts";
import type { LlamaConfig } from "./config.ts";
import { createLlamaTree, type LlamaParams, storedShape, type WeightName, weightNames } from "./params.ts";
import { ropeScalingJson } from "./rope-scaling.ts";

/** Dtypes that weights are written in. */
export type SavedDtype = "F32" | "F16" | "BF16";

/** Options of saveLlama. */
export interface SaveLlamaOptions {
  /** Default "F32". */
  readonly dtype?: SavedDtype | undefined;
  /** Tokens that begin and end a text, for config.json. */
  readonly generation?: GenerationConfig | undefined;
  /** Facts for the header of the weights. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/**
 * Writes `config.json` and `model.safetensors` into a folder, which is created; packed matrices are written as the
 * numbers they stand for, a stored tensor at a time. Each file is written beside and renamed, the weights last.
 *
 * @throws FileError where the folder is not writable, or CheckpointError where a weight has no place in the dtype
 */
export async function saveLlama(
  folder: string,
  config: LlamaConfig,
  params: LlamaParams,
  options: SaveLlamaOptions = {},
): Promise<void> {
  const { dtype = "F32", generation, metadata = {} } = options;
  await createDirectory(folder);
  await writeConfig(folder, llamaConfigJson(config, dtype, generation));
  await writeWeights(folder, deferredWeights(config, params, dtype), metadata);
}

/** Writes config.json, whole or not at all. */
export async function writeConfig(folder: string, json: Readonly<Record<string, unknown>>): Promise<void> {
  await writeFileAtomic(`${folder}/config.json`, `${JSON.stringify(json, null, 2)}\n`);
}

/** Writes model.safetensors, whole or not at all. */
export async function writeWeights(
  folder: string,
  tensors: Readonly<Record<string, DeferredTensor>>,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  await writeSafetensors(`${folder}/model.safetensors`, tensors, { format: "pt", ...metadata });
}

/** A tensor that is read and encoded when it is written. */
export function deferred(shape: readonly number[], dtype: SavedDtype, parts: readonly Tensor[]): DeferredTensor {
  return { dtype, shape, data: async () => encode(joinRows(await readAll(parts)), dtype) };
}

/** The weights of a config, by the names they are stored under. */
export function deferredWeights(
  config: LlamaConfig,
  params: LlamaParams,
  dtype: SavedDtype,
): Record<string, DeferredTensor> {
  const paths = leavesOf<string>(createLlamaTree(config, ({ name }) => name)).map(({ path }) => path);
  const leaves = new Map(leavesOf<Tensor>(params).map(({ path, leaf }) => [path, leaf]));
  // Weights by the stored tensor they are rows of.
  const parts = new Map<string, { readonly weight: WeightName; readonly leaf: Tensor }[]>();
  for (const [index, weight] of weightNames(config).entries()) {
    const part = { weight, leaf: leaves.get(paths[index]!)! };
    parts.set(weight.name, [...(parts.get(weight.name) ?? []), part]);
  }
  const stored = [...parts].map(([name, own]): [string, DeferredTensor] => {
    const tensors = own.map(({ leaf }) => leaf);
    return [name, deferred(storedShape(own[0]!.weight), dtype, tensors)];
  });
  return Object.fromEntries(stored);
}

/** The numbers of tensors, packed ones as what they stand for. */
async function readAll(tensors: readonly Tensor[]): Promise<readonly Float32Array[]> {
  const values: Float32Array[] = [];
  for (const tensor of tensors) {
    const floats = unpack(tensor);
    try {
      values.push(Float32Array.from(await floats.read()));
    } finally {
      if (floats !== tensor) floats.dispose();
    }
  }
  return values;
}

/** Weights that lie in one stored tensor, their rows one after the other. */
function joinRows(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const joined = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function encode(values: Float32Array, dtype: SavedDtype): Float32Array | Uint16Array {
  if (dtype === "F32") return values;
  return dtype === "F16" ? f32ToF16(values) : f32ToBf16(values);
}

/**
 * The config.json that `llamaConfigFrom` reads back to `config`.
 *
 * @throws ConfigError where the architecture's files cannot say which projections have biases
 */
export function llamaConfigJson(
  config: LlamaConfig,
  dtype: SavedDtype = "F32",
  generation?: GenerationConfig,
): Record<string, unknown> {
  const { className, window, biases } = architectures[config.architecture];
  if (biases === "knobs" && config.attentionBias !== config.outputBias) {
    const remedy = "true for all of the attention's projections or for none; use architecture qwen2 for biases without";
    throw new ConfigError("config.json", "attention_bias", config.attentionBias, remedy);
  }
  const { ropeScaling } = config;
  const longRope = ropeScaling?.type === "longrope" ? ropeScaling : null;
  return {
    architectures: [className],
    model_type: config.architecture,
    hidden_size: config.hiddenSize,
    intermediate_size: config.feedForwardSize,
    num_hidden_layers: config.layerCount,
    num_attention_heads: config.headCount,
    num_key_value_heads: config.groupCount,
    head_dim: config.headSize,
    vocab_size: config.vocabSize,
    max_position_embeddings: longRope?.extendedMaxTokens ?? config.maxTokens,
    ...(longRope === null ? {} : { original_max_position_embeddings: longRope.originalMaxTokens }),
    rms_norm_eps: config.normEpsilon,
    rope_theta: config.ropeTheta,
    ...(config.rotarySize === null ? {} : { partial_rotary_factor: config.rotarySize / config.headSize }),
    rope_scaling: ropeScalingJson(ropeScaling),
    ...(window === null ? {} : { sliding_window: config.window }),
    ...(window?.switched ? { use_sliding_window: config.window !== null, max_window_layers: 0 } : {}),
    tie_word_embeddings: config.tiedEmbeddings,
    ...(biases === "knobs" ? { attention_bias: config.attentionBias, mlp_bias: config.feedForwardBias } : {}),
    hidden_act: "silu",
    torch_dtype: { F32: "float32", F16: "float16", BF16: "bfloat16" }[dtype],
    ...(generation === undefined || generation.bosTokenId === null ? {} : { bos_token_id: generation.bosTokenId }),
    ...(generation === undefined ? {} : { eos_token_id: generation.eosTokenIds }),
  };
}
