// Parameters of a GPT-2 as a tree, and the table of names, shapes and orientations its leaves have in a Hugging Face
// checkpoint. Knows neither how weights are read nor what is computed with them.
import { matrixDtype, type WeightDtype } from "@dual-head/backbone";
import { byteLengthOf, type Device, type Tensor } from "@dual-head/tensor-core";
import type { Gpt2Config } from "./config.ts";

/** A linear map x·weightᵀ + bias: weight [out, in], bias [out]. */
export interface Gpt2Linear<Leaf> {
  readonly weight: Leaf;
  readonly bias: Leaf;
}

/** A LayerNorm's weight and bias, [D] each. */
export interface Gpt2Norm<Leaf> {
  readonly weight: Leaf;
  readonly bias: Leaf;
}

/** One block: attention with its norm, feed-forward with its own. */
export interface Gpt2Layer<Leaf> {
  readonly attentionNorm: Gpt2Norm<Leaf>;
  readonly query: Gpt2Linear<Leaf>;
  readonly key: Gpt2Linear<Leaf>;
  readonly value: Gpt2Linear<Leaf>;
  readonly output: Gpt2Linear<Leaf>;
  readonly feedForwardNorm: Gpt2Norm<Leaf>;
  readonly up: Gpt2Linear<Leaf>;
  readonly down: Gpt2Linear<Leaf>;
}

/** The whole model with leaves of one kind; `lmHead` [V, D] is null where the embedding [V, D] serves as head. */
export interface Gpt2Tree<Leaf> {
  readonly embedding: Leaf;
  /** [maxTokens, D] */
  readonly positions: Leaf;
  readonly layers: readonly Gpt2Layer<Leaf>[];
  readonly finalNorm: Gpt2Norm<Leaf>;
  readonly lmHead: Leaf | null;
}

/** Parameters on a device. */
export type Gpt2Params = Gpt2Tree<Tensor>;

/** A weight in a checkpoint: the stored tensor's name there, and the shape the weight must have. */
export interface Gpt2WeightName {
  readonly name: string;
  readonly shape: readonly number[];
  /** Where the map is stored as [in, out], of which the weight is these columns: how many there are, and its first. */
  readonly columns?: { readonly first: number; readonly count: number } | undefined;
}

/** Name of the head's weight, which tied checkpoints may repeat. */
export const lmHeadName = "lm_head.weight";

/** Name of the embedding, without the prefix that models with a head put before it. */
export const embeddingName = "wte.weight";

/** Builds the tree of a config with the leaf that `leafOf` makes of each weight's name and shape: the table itself. */
export function createGpt2Tree<Leaf>(config: Gpt2Config, leafOf: (weight: Gpt2WeightName) => Leaf): Gpt2Tree<Leaf> {
  const { hiddenSize, vocabSize, maxTokens, feedForwardSize } = config;
  const norm = (name: string): Gpt2Norm<Leaf> => ({
    weight: leafOf({ name: `${name}.weight`, shape: [hiddenSize] }),
    bias: leafOf({ name: `${name}.bias`, shape: [hiddenSize] }),
  });
  // The published code stores linear maps transposed, and query, key and value side by side.
  const linear = (name: string, outSize: number, inSize: number, first = 0, count = outSize): Gpt2Linear<Leaf> => ({
    weight: leafOf({ name: `${name}.weight`, shape: [outSize, inSize], columns: { first, count } }),
    bias: leafOf({ name: `${name}.bias`, shape: [outSize], columns: { first, count } }),
  });
  const together = 3 * hiddenSize;
  return {
    embedding: leafOf({ name: embeddingName, shape: [vocabSize, hiddenSize] }),
    positions: leafOf({ name: "wpe.weight", shape: [maxTokens, hiddenSize] }),
    layers: Array.from({ length: config.layerCount }, (_, index) => ({
      attentionNorm: norm(`h.${index}.ln_1`),
      query: linear(`h.${index}.attn.c_attn`, hiddenSize, hiddenSize, 0, together),
      key: linear(`h.${index}.attn.c_attn`, hiddenSize, hiddenSize, hiddenSize, together),
      value: linear(`h.${index}.attn.c_attn`, hiddenSize, hiddenSize, 2 * hiddenSize, together),
      output: linear(`h.${index}.attn.c_proj`, hiddenSize, hiddenSize),
      feedForwardNorm: norm(`h.${index}.ln_2`),
      up: linear(`h.${index}.mlp.c_fc`, feedForwardSize, hiddenSize),
      down: linear(`h.${index}.mlp.c_proj`, hiddenSize, feedForwardSize),
    })),
    finalNorm: norm("ln_f"),
    lmHead: config.tiedEmbeddings ? null : leafOf({ name: lmHeadName, shape: [vocabSize, hiddenSize] }),
  };
}

/** Every weight a checkpoint of this config must have, in the order of the tree. */
export function gpt2WeightNames(config: Gpt2Config): readonly Gpt2WeightName[] {
  const names: Gpt2WeightName[] = [];
  createGpt2Tree(config, (weight) => names.push(weight));
  return names;
}

/** Whether a weight may be packed: learned positions and scores are few numbers that every token reads. */
export function isPackable({ name, columns }: Gpt2WeightName): boolean {
  return columns !== undefined || name === embeddingName || name === lmHeadName;
}

/** Bytes that the weights of a config take on a device. */
export function gpt2WeightBytes(config: Gpt2Config, device: Device, dtype: WeightDtype): number {
  return gpt2WeightNames(config).reduce((sum, weight) => {
    const { shape } = weight;
    return sum + byteLengthOf({ shape, dtype: matrixDtype(device, isPackable(weight) ? dtype : "f32", shape) });
  }, 0);
}

/** The shape of the stored tensor in which a weight lies. */
export function storedShape({ shape, columns }: Gpt2WeightName): readonly number[] {
  return columns === undefined ? shape : [...shape.slice(1), columns.count];
}

/** Tensors that checkpoints carry beside weights and that are made afresh here: causal masks. */
export const ignoredTensors: readonly RegExp[] = [/(?:^|\.)attn\.(?:bias|masked_bias)$/];
