// A GPT-2 of distinct small extents with random weights, the same on every device. Knows no checkpoint.
import { type Backbone, matrixDtype, type WeightDtype } from "@dual-head/backbone";
import { createRandom, type Device, leavesOf, type Tensor } from "@dual-head/tensor-core";
import type { Gpt2Config } from "../config.ts";
import { createGpt2 } from "../gpt2.ts";
import { createGpt2Tree, type Gpt2Params } from "../params.ts";

/** Extents of the tiny model: 3 heads of size 5. */
export const tinyGpt2Config: Gpt2Config = {
  hiddenSize: 15,
  vocabSize: 23,
  maxTokens: 29,
  layerCount: 2,
  feedForwardSize: 17,
  headCount: 3,
  normEpsilon: 1e-5,
  scaledScores: true,
  scoresByLayer: false,
  tiedEmbeddings: true,
};

/** A tiny backbone with its parameters; disposing it frees them. */
export interface TinyGpt2 extends Disposable {
  readonly backbone: Backbone<Gpt2Params>;
  readonly params: Gpt2Params;
  readonly config: Gpt2Config;
}

/**
 * A tiny random backbone on a device: matrices from 𝒩(0, 1/in), embeddings and positions from 𝒩(0, 1), norms about 1,
 * biases about 0; `overrides` change the config, `dtype` packs its matrices. The caller disposes it.
 */
export function tinyGpt2(
  device: Device,
  seed: number,
  overrides: Partial<Gpt2Config> = {},
  dtype: WeightDtype = "f32",
): TinyGpt2 {
  const config = { ...tinyGpt2Config, ...overrides };
  const params = createGpt2Tree(config, ({ name, shape, columns }) => {
    const random = createRandom(seed, `${name} ${columns?.first ?? 0}`);
    const isNorm = /ln_\w+\.weight$/.test(name);
    const deviation = shape.length === 1 ? 0.3 : columns === undefined ? 1 : 1 / Math.sqrt(shape[1]!);
    const size = shape.reduce((product, extent) => product * extent, 1);
    const values = Float64Array.from({ length: size }, () => (isNorm ? 1 : 0) + deviation * random.normal());
    return device.keep(device.tensor(values, shape, matrixDtype(device, name === "wpe.weight" ? "f32" : dtype, shape)));
  });
  return {
    backbone: createGpt2(config),
    params,
    config,
    [Symbol.dispose]: () => {
      for (const { leaf } of leavesOf<Tensor>(params)) leaf.dispose();
    },
  };
}
