// Parameters of a LLaMA as a tree, and the table of names and shapes its leaves have in a Hugging Face checkpoint.
// Knows neither how weights are read nor what is computed with them.
import { byteLengthOf, type Device, type Dtype, type PackedDtype, type Tensor } from "@dual-head/tensor-core";
import type { LlamaConfig } from "./config.ts";

/** A change of a weight by b·a of low rank r: a [r, in], b [out, r]. */
export interface LowRankDelta<Leaf> {
  readonly a: Leaf;
  readonly b: Leaf;
}

/** A linear map x·weightᵀ + bias (+ x·aᵀ·bᵀ): weight [out, in], bias [out] or null. */
export interface Linear<Leaf> {
  readonly weight: Leaf;
  readonly bias: Leaf | null;
  readonly delta?: LowRankDelta<Leaf> | undefined;
}

/** One block: attention with its norm, feed-forward with its own. */
export interface LlamaLayer<Leaf> {
  readonly attentionNorm: Leaf;
  readonly query: Linear<Leaf>;
  readonly key: Linear<Leaf>;
  readonly value: Linear<Leaf>;
  readonly output: Linear<Leaf>;
  readonly feedForwardNorm: Leaf;
  readonly gate: Linear<Leaf>;
  readonly up: Linear<Leaf>;
  readonly down: Linear<Leaf>;
}

/** The whole model with leaves of one kind; `lmHead` [V, D] is null where the embedding [V, D] serves as head. */
export interface LlamaTree<Leaf> {
  readonly embedding: Leaf;
  readonly layers: readonly LlamaLayer<Leaf>[];
  readonly finalNorm: Leaf;
  readonly lmHead: Leaf | null;
}

/** Parameters on a device. */
export type LlamaParams = LlamaTree<Tensor>;

/** A tensor of a checkpoint: its name there and the shape it must have. */
export interface WeightName {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Name of the head's weight, which tied checkpoints may repeat. */
export const lmHeadName = "lm_head.weight";

/** Builds the tree of a config with the leaf that `leafOf` makes of each tensor's name and shape: the table itself. */
export function createLlamaTree<Leaf>(config: LlamaConfig, leafOf: (weight: WeightName) => Leaf): LlamaTree<Leaf> {
  const { hiddenSize, vocabSize, feedForwardSize, attentionBias, feedForwardBias } = config;
  const querySize = config.headCount * config.headSize;
  const keySize = config.groupCount * config.headSize;
  const leaf = (name: string, ...shape: readonly number[]) => leafOf({ name, shape });
  const linear = (name: string, outSize: number, inSize: number, biased: boolean): Linear<Leaf> => ({
    weight: leaf(`${name}.weight`, outSize, inSize),
    bias: biased ? leaf(`${name}.bias`, outSize) : null,
  });
  return {
    embedding: leaf("model.embed_tokens.weight", vocabSize, hiddenSize),
    layers: Array.from({ length: config.layerCount }, (_, index) => {
      const prefix = `model.layers.${index}`;
      return {
        attentionNorm: leaf(`${prefix}.input_layernorm.weight`, hiddenSize),
        query: linear(`${prefix}.self_attn.q_proj`, querySize, hiddenSize, attentionBias),
        key: linear(`${prefix}.self_attn.k_proj`, keySize, hiddenSize, attentionBias),
        value: linear(`${prefix}.self_attn.v_proj`, keySize, hiddenSize, attentionBias),
        output: linear(`${prefix}.self_attn.o_proj`, hiddenSize, querySize, attentionBias),
        feedForwardNorm: leaf(`${prefix}.post_attention_layernorm.weight`, hiddenSize),
        gate: linear(`${prefix}.mlp.gate_proj`, feedForwardSize, hiddenSize, feedForwardBias),
        up: linear(`${prefix}.mlp.up_proj`, feedForwardSize, hiddenSize, feedForwardBias),
        down: linear(`${prefix}.mlp.down_proj`, hiddenSize, feedForwardSize, feedForwardBias),
      };
    }),
    finalNorm: leaf("model.norm.weight", hiddenSize),
    lmHead: config.tiedEmbeddings ? null : leaf(lmHeadName, vocabSize, hiddenSize),
  };
}

/** Every tensor a checkpoint of this config must have, in the order of the tree. */
export function weightNames(config: LlamaConfig): readonly WeightName[] {
  const names: WeightName[] = [];
  createLlamaTree(config, (weight) => names.push(weight));
  return names;
}

/** Tensors that checkpoints carry beside weights and that are made afresh here: the frequencies of rotary embeddings. */
export const ignoredTensors: readonly RegExp[] = [/(?:^|\.)rotary_emb\.inv_freq$/];

/** How weight matrices are held: in the device's float dtype (`f32`, on reference f64), or packed. */
export type WeightDtype = "f32" | PackedDtype;

/** Every way to hold weights, the widest first. */
export const weightDtypes: readonly WeightDtype[] = ["f32", "bf16", "f16", "q8", "q4"];

/** The dtype a tensor of this shape gets on a device: only matrices are packed, norms and biases stay floats. */
export function matrixDtype(device: Device, dtype: WeightDtype, shape: readonly number[]): Dtype {
  return shape.length < 2 || dtype === "f32" ? device.floatDtype : dtype;
}

/** Bytes that the weights of a config take on a device. */
export function weightBytes(config: LlamaConfig, device: Device, dtype: WeightDtype): number {
  return weightNames(config).reduce(
    (sum, { shape }) => sum + byteLengthOf({ shape, dtype: matrixDtype(device, dtype, shape) }),
    0,
  );
}
