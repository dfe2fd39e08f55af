// Parameters of a LLaMA as a tree, and the table of names and shapes its leaves have in a Hugging Face checkpoint.
// Knows neither how weights are read nor what is computed with them.
import { matrixDtype, type WeightDtype } from "@dual-head/backbone";
import { byteLengthOf, type Device, type Tensor } from "@dual-head/tensor-core";
import { architectures } from "./architectures.ts";
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

/** A weight in a checkpoint: the name of the tensor stored there, and the shape the weight must have. */
export interface WeightName {
  readonly name: string;
  readonly shape: readonly number[];
  /** Where several weights are the rows of one stored tensor: its rows, and the first that is this weight's. */
  readonly rows?: { readonly first: number; readonly count: number } | undefined;
}

/** The shape of the stored tensor in which a weight lies. */
export function storedShape({ shape, rows }: WeightName): readonly number[] {
  return rows === undefined ? shape : [rows.count, ...shape.slice(1)];
}

/** Name of the embedding's weight. */
export const embeddingName = "model.embed_tokens.weight";

/** Name of the head's weight, which tied checkpoints may repeat. */
export const lmHeadName = "lm_head.weight";

/** Name of the weight of a classifier's scores. */
export const scoreName = "score.weight";

/** Builds the tree of a config with the leaf that `leafOf` makes of each weight's name and shape: the table itself. */
export function createLlamaTree<Leaf>(config: LlamaConfig, leafOf: (weight: WeightName) => Leaf): LlamaTree<Leaf> {
  const { hiddenSize, vocabSize, feedForwardSize, attentionBias, outputBias, feedForwardBias } = config;
  const { fused } = architectures[config.architecture];
  const querySize = config.headCount * config.headSize;
  const keySize = config.groupCount * config.headSize;
  const leaf = (name: string, ...shape: readonly number[]) => leafOf({ name, shape });
  const linear = (name: string, outSize: number, inSize: number, biased: boolean): Linear<Leaf> => ({
    weight: leaf(`${name}.weight`, outSize, inSize),
    bias: biased ? leaf(`${name}.bias`, outSize) : null,
  });
  /** Maps of one input: tensors of their own, or the rows of one, in this order. */
  const siblings = (
    prefix: string,
    together: string,
    inSize: number,
    biased: boolean,
    parts: readonly (readonly [string, number])[],
  ): readonly Linear<Leaf>[] => {
    if (!fused) return parts.map(([name, outSize]) => linear(`${prefix}.${name}`, outSize, inSize, biased));
    const count = parts.reduce((sum, [, outSize]) => sum + outSize, 0);
    let first = 0;
    return parts.map(([, outSize]) => {
      const rows = { first, count };
      first += outSize;
      const part = (kind: string, shape: readonly number[]) =>
        leafOf({ name: `${prefix}.${together}.${kind}`, shape, rows });
      return { weight: part("weight", [outSize, inSize]), bias: biased ? part("bias", [outSize]) : null };
    });
  };
  return {
    embedding: leaf(embeddingName, vocabSize, hiddenSize),
    layers: Array.from({ length: config.layerCount }, (_, index) => {
      const prefix = `model.layers.${index}`;
      const attentionNorm = leaf(`${prefix}.input_layernorm.weight`, hiddenSize);
      const [query, key, value] = siblings(`${prefix}.self_attn`, "qkv_proj", hiddenSize, attentionBias, [
        ["q_proj", querySize],
        ["k_proj", keySize],
        ["v_proj", keySize],
      ]);
      const output = linear(`${prefix}.self_attn.o_proj`, hiddenSize, querySize, outputBias);
      const feedForwardNorm = leaf(`${prefix}.post_attention_layernorm.weight`, hiddenSize);
      const [gate, up] = siblings(`${prefix}.mlp`, "gate_up_proj", hiddenSize, feedForwardBias, [
        ["gate_proj", feedForwardSize],
        ["up_proj", feedForwardSize],
      ]);
      const down = linear(`${prefix}.mlp.down_proj`, hiddenSize, feedForwardSize, feedForwardBias);
      return {
        attentionNorm,
        query: query!,
        key: key!,
        value: value!,
        output,
        feedForwardNorm,
        gate: gate!,
        up: up!,
        down,
      };
    }),
    finalNorm: leaf("model.norm.weight", hiddenSize),
    lmHead: config.tiedEmbeddings ? null : leaf(lmHeadName, vocabSize, hiddenSize),
  };
}

/** Every weight a checkpoint of this config must have, in the order of the tree. */
export function weightNames(config: LlamaConfig): readonly WeightName[] {
  const names: WeightName[] = [];
  createLlamaTree(config, (weight) => names.push(weight));
  return names;
}

/** Tensors that checkpoints carry beside weights and that are made afresh here: the frequencies of rotary embeddings. */
export const ignoredTensors: readonly RegExp[] = [/(?:^|\.)rotary_emb\.inv_freq$/];

/** Bytes that the weights of a config take on a device. */
export function weightBytes(config: LlamaConfig, device: Device, dtype: WeightDtype): number {
  return weightNames(config).reduce(
    (sum, { shape }) => sum + byteLengthOf({ shape, dtype: matrixDtype(device, dtype, shape) }),
    0,
  );
}
