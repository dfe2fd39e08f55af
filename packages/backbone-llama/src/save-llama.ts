// Parameters on a device to a Hugging Face folder that transformers and loadLlama read alike. Knows no tokenizer.
import { createDirectory, f32ToBf16, f32ToF16, writeFileAtomic } from "@dual-head/bytes";
import { type StoredTensor, writeSafetensors } from "@dual-head/checkpoint";
import { leavesOf, type Tensor, unpack } from "@dual-head/tensor-core";
import { architectures } from "./architectures.ts";
import type { LlamaConfig } from "./config.ts";
import type { GenerationConfig } from "./generation-config.ts";
import { createLlamaTree, type LlamaParams } from "./params.ts";

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
 * numbers they stand for. Each file is written beside and renamed, the weights last.
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
  const names = leavesOf<string>(createLlamaTree(config, ({ name }) => name));
  const leaves = new Map(leavesOf<Tensor>(params).map(({ path, leaf }) => [path, leaf]));
  const tensors: Record<string, StoredTensor> = {};
  for (const { path, leaf: name } of names) {
    const tensor = leaves.get(path)!;
    const floats = unpack(tensor);
    try {
      tensors[name] = stored(Float32Array.from(await floats.read()), tensor.shape, dtype);
    } finally {
      if (floats !== tensor) floats.dispose();
    }
  }
  const json = llamaConfigJson(config, dtype, generation);
  await writeFileAtomic(`${folder}/config.json`, `${JSON.stringify(json, null, 2)}\n`);
  await writeSafetensors(`${folder}/model.safetensors`, tensors, { format: "pt", ...metadata });
}

function stored(values: Float32Array, shape: readonly number[], dtype: SavedDtype): StoredTensor {
  if (dtype === "F32") return { dtype, shape, data: values };
  return { dtype, shape, data: dtype === "F16" ? f32ToF16(values) : f32ToBf16(values) };
}

/** The config.json that `llamaConfigFrom` reads back to `config`. */
export function llamaConfigJson(
  config: LlamaConfig,
  dtype: SavedDtype = "F32",
  generation?: GenerationConfig,
): Record<string, unknown> {
  return {
    architectures: [config.architecture === "mistral" ? "MistralForCausalLM" : "LlamaForCausalLM"],
    model_type: config.architecture,
    hidden_size: config.hiddenSize,
    intermediate_size: config.feedForwardSize,
    num_hidden_layers: config.layerCount,
    num_attention_heads: config.headCount,
    num_key_value_heads: config.groupCount,
    head_dim: config.headSize,
    vocab_size: config.vocabSize,
    max_position_embeddings: config.maxTokens,
    rms_norm_eps: config.normEpsilon,
    rope_theta: config.ropeTheta,
    ...(architectures[config.architecture].window === "unsupported" ? {} : { sliding_window: config.window }),
    tie_word_embeddings: config.tiedEmbeddings,
    ...(architectures[config.architecture].biases
      ? { attention_bias: config.attentionBias, mlp_bias: config.feedForwardBias }
      : {}),
    hidden_act: "silu",
    torch_dtype: { F32: "float32", F16: "float16", BF16: "bfloat16" }[dtype],
    ...(generation === undefined || generation.bosTokenId === null ? {} : { bos_token_id: generation.bosTokenId }),
    ...(generation === undefined ? {} : { eos_token_id: generation.eosTokenIds }),
  };
}
