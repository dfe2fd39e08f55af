// A LLaMA of distinct small extents with random weights, the same on every device. Knows no checkpoint.
import { type Backbone, matrixDtype, type WeightDtype } from "@dual-head/backbone";
import { createRandom, type Device, leavesOf, type Tensor } from "@dual-head/tensor-core";
import type { LlamaConfig } from "../config.ts";
import { createLlama } from "../llama.ts";
import { createLlamaTree, type LlamaParams } from "../params.ts";

/** Extents of the tiny model: 6 query heads over 2 key/value heads of size 4; no two axes alike. */
export const tinyLlamaConfig: LlamaConfig = {
  architecture: "llama",
  hiddenSize: 11,
  vocabSize: 23,
  maxTokens: 31,
  layerCount: 2,
  feedForwardSize: 17,
  headCount: 6,
  groupCount: 2,
  headSize: 4,
  normEpsilon: 1e-5,
  rotarySize: null,
  ropeTheta: 10000,
  ropeScaling: null,
  window: null,
  tiedEmbeddings: false,
  attentionBias: false,
  outputBias: false,
  feedForwardBias: false,
};

/** A tiny backbone with its parameters; disposing it frees them. */
export interface TinyLlama extends Disposable {
  readonly backbone: Backbone<LlamaParams>;
  readonly params: LlamaParams;
  readonly config: LlamaConfig;
}

/**
 * Random parameters: matrices from 𝒩(0, 1/in), embeddings and head from 𝒩(0, 1), norms about 1, biases about 0. The
 * values depend on seed and config, not on the device.
 */
export function initLlama(config: LlamaConfig, device: Device, seed: number, dtype: WeightDtype = "f32"): LlamaParams {
  return createLlamaTree(config, ({ name, shape, rows }) => {
    const random = createRandom(seed, rows === undefined ? name : `${name} ${rows.first}`);
    const [mean, deviation] = name.endsWith("norm.weight")
      ? [1, 0.2]
      : name.endsWith(".bias")
        ? [0, 0.3]
        : [0, name.includes("layers") ? 1 / Math.sqrt(shape[1]!) : 1];
    const size = shape.reduce((product, extent) => product * extent, 1);
    const values = Float64Array.from({ length: size }, () => mean + deviation * random.normal());
    return device.keep(device.tensor(values, shape, matrixDtype(device, dtype, shape)));
  });
}

/** A tiny random backbone on a device; `overrides` change the config, `dtype` packs its matrices. The caller disposes it. */
export function tinyLlama(
  device: Device,
  seed: number,
  overrides: Partial<LlamaConfig> = {},
  dtype: WeightDtype = "f32",
): TinyLlama {
  const config = { ...tinyLlamaConfig, ...overrides };
  const params = initLlama(config, device, seed, dtype);
  return {
    backbone: createLlama(config),
    params,
    config,
    [Symbol.dispose]: () => {
      for (const { leaf } of leavesOf<Tensor>(params)) leaf.dispose();
    },
  };
}
