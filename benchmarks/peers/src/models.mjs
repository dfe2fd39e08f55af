// Random LLaMAs by shape: the same numbers for every engine, on a device of ours or in a GGUF file. Knows no timing.
import { createLlama, createLlamaTree } from "@dual-head/backbone-llama";
import { writeGguf } from "@dual-head/checkpoint";

/** Shapes that are measured: a 15M and a 1.1B model with the vocabulary of LLaMA 2. */
export const shapes = {
  "288x6": { hiddenSize: 288, layerCount: 6, headCount: 6, groupCount: 6, feedForwardSize: 768 },
  "1.1B": { hiddenSize: 2048, layerCount: 22, headCount: 32, groupCount: 4, feedForwardSize: 5632 },
};

/** The config of a shape; head and embedding are two matrices, as in TinyLlama. */
export function configOf(shape) {
  const extents = shapes[shape];
  return {
    architecture: "llama",
    vocabSize: 32000,
    maxTokens: 2048,
    normEpsilon: 1e-5,
    ropeTheta: 10000,
    window: null,
    tiedEmbeddings: false,
    attentionBias: false,
    feedForwardBias: false,
    ...extents,
    headSize: extents.hiddenSize / extents.headCount,
  };
}

/** Uniform numbers of the deviation that keeps activations near 1, from the tensor's name alone; norms are 1. */
export function valuesOf({ name, shape }) {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const values = new Float32Array(size);
  if (shape.length === 1) return values.fill(1);
  let state = [...name].reduce((hash, character) => Math.imul(hash ^ character.codePointAt(0), 16777619), 2166136261);
  const width = Math.sqrt(12 / shape[1]) / 2 ** 32;
  for (let index = 0; index < size; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[index] = state * width;
  }
  return values;
}

/** Rows become columns, for engines that hold weights so. */
export function transposed(values, rows, columns) {
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = values[row * columns + column];
  }
  return result;
}

/** Inputs of products by their extents, made once each by `make([rows, inner])`. */
export function featuresBy(make) {
  const held = new Map();
  return (rows, inner) => {
    const key = `${rows}×${inner}`;
    if (!held.has(key)) held.set(key, make([rows, inner]));
    return held.get(key);
  };
}

/** The matrices that a token meets, in order: names and extents [out, in]. */
export function matricesOf(shape) {
  const matrices = [];
  createLlamaTree(configOf(shape), (weight) => {
    if (weight.shape.length > 1 && weight.name !== "model.embed_tokens.weight") matrices.push(weight);
  });
  return matrices;
}

/** Backbone and parameters on a device of ours. */
export function openOurs(device, shape, dtype) {
  const config = configOf(shape);
  const params = createLlamaTree(config, (weight) => {
    const matrix = weight.shape.length > 1;
    return device.keep(device.tensor(valuesOf(weight), weight.shape, matrix && dtype !== "f32" ? dtype : "f32"));
  });
  return { backbone: createLlama(config), params };
}

const blockNames = {
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
  input_layernorm: "attn_norm",
  post_attention_layernorm: "ffn_norm",
};

function ggufName(name) {
  const [, layer, module] = /^model\.layers\.(\d+)\.(.+)\.weight$/.exec(name) ?? [];
  if (module !== undefined) return `blk.${layer}.${blockNames[module]}.weight`;
  return (
    { "model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight" }[name] ??
    "output.weight"
  );
}

/** GGUF turns neighbouring pairs of a head, Hugging Face turns pairs half a head apart: rows change places. */
function interleaveHeads(values, headSize, columns) {
  const rows = values.length / columns;
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    const [head, inHead] = [Math.floor(row / headSize), row % headSize];
    const half = headSize / 2;
    const to = head * headSize + (inHead < half ? 2 * inHead : 2 * (inHead - half) + 1);
    result.set(values.subarray(row * columns, (row + 1) * columns), to * columns);
  }
  return result;
}

/** Writes a shape as GGUF with a vocabulary of made-up pieces. */
export async function writeModel(path, shape, dtype) {
  const config = configOf(shape);
  const pieces = Array.from({ length: config.vocabSize }, (_, id) =>
    id < 3
      ? ["<unk>", "<s>", "</s>"][id]
      : id < 259
        ? `<0x${(id - 3).toString(16).toUpperCase().padStart(2, "0")}>`
        : `▁t${id}`,
  );
  const metadata = {
    "general.architecture": { string: "llama" },
    "general.name": { string: `random ${shape}` },
    "llama.context_length": { u32: config.maxTokens },
    "llama.embedding_length": { u32: config.hiddenSize },
    "llama.block_count": { u32: config.layerCount },
    "llama.feed_forward_length": { u32: config.feedForwardSize },
    "llama.attention.head_count": { u32: config.headCount },
    "llama.attention.head_count_kv": { u32: config.groupCount },
    "llama.attention.layer_norm_rms_epsilon": { f32: config.normEpsilon },
    "llama.rope.dimension_count": { u32: config.headSize },
    "llama.rope.freq_base": { f32: config.ropeTheta },
    "llama.vocab_size": { u32: config.vocabSize },
    "tokenizer.ggml.model": { string: "llama" },
    "tokenizer.ggml.tokens": { strings: pieces },
    "tokenizer.ggml.scores": { f32s: pieces.map((_, id) => -id) },
    "tokenizer.ggml.token_type": { i32s: pieces.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1)) },
    "tokenizer.ggml.bos_token_id": { u32: 1 },
    "tokenizer.ggml.eos_token_id": { u32: 2 },
    "tokenizer.ggml.unknown_token_id": { u32: 0 },
  };
  const tensors = [];
  createLlamaTree(config, (weight) => {
    const { name, shape: extents } = weight;
    tensors.push({
      name: ggufName(name),
      shape: extents,
      dtype: extents.length === 1 ? "F32" : dtype,
      values() {
        const values = valuesOf(weight);
        return /[qk]_proj/.test(name) ? interleaveHeads(values, config.headSize, extents[1]) : values;
      },
    });
  });
  await writeGguf(path, metadata, tensors);
}
