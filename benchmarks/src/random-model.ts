// Random tensors, and random LLaMAs by extents. Knows no benchmark, head or gate; the numbers are noise
// of the scale that trained weights have, so that nothing overflows or turns denormal.
import type { Backbone, BackboneConfig } from "@dual-head/backbone";
import {
  createLlama,
  createLlamaTree,
  type LlamaConfig,
  type LlamaParams,
  type WeightDtype,
} from "@dual-head/backbone-llama";
import { tinyLlamaConfig } from "@dual-head/backbone-llama/testing";
import { createRandom, type Device, leavesOf, type Tensor } from "@dual-head/tensor-core";

/** A backbone with parameters on a device; disposing it frees them. */
export interface Model extends Disposable {
  readonly backbone: Backbone<LlamaParams>;
  readonly params: LlamaParams;
}

/** Extents of a random LLaMA; heads of queries share keys by `groupCount`. */
export type LlamaExtents = Pick<
  LlamaConfig,
  "hiddenSize" | "layerCount" | "vocabSize" | "feedForwardSize" | "headCount" | "groupCount" | "maxTokens"
>;

/** Extents of a test, of stories260K, and of a 15M, a 110M and a 1.1B model with the vocabulary of LLaMA 2. */
export const llamaExtents: {
  readonly tiny: LlamaExtents;
  readonly small: LlamaExtents;
  readonly medium: LlamaExtents;
  readonly large: LlamaExtents;
  readonly huge: LlamaExtents;
} = {
  tiny: {
    hiddenSize: 12,
    layerCount: 2,
    vocabSize: 29,
    feedForwardSize: 17,
    headCount: 3,
    groupCount: 1,
    maxTokens: 64,
  },
  small: {
    hiddenSize: 64,
    layerCount: 5,
    vocabSize: 512,
    feedForwardSize: 172,
    headCount: 8,
    groupCount: 4,
    maxTokens: 512,
  },
  medium: {
    hiddenSize: 288,
    layerCount: 6,
    vocabSize: 32000,
    feedForwardSize: 768,
    headCount: 6,
    groupCount: 6,
    maxTokens: 512,
  },
  large: {
    hiddenSize: 768,
    layerCount: 12,
    vocabSize: 32000,
    feedForwardSize: 2048,
    headCount: 12,
    groupCount: 12,
    maxTokens: 512,
  },
  huge: {
    hiddenSize: 2048,
    layerCount: 22,
    vocabSize: 32000,
    feedForwardSize: 5632,
    headCount: 32,
    groupCount: 4,
    maxTokens: 512,
  },
};

/** How rows name a model's extents: width × layers and vocabulary. */
export function modelShape({ hiddenSize, layerCount, vocabSize }: BackboneConfig): string {
  return `${hiddenSize}×${layerCount} V ${vocabSize}`;
}

/** The config of a random LLaMA: an embedding that serves as head, and no biases. */
export function randomLlamaConfig(extents: LlamaExtents): LlamaConfig {
  return {
    ...tinyLlamaConfig,
    ...extents,
    headSize: extents.hiddenSize / extents.headCount,
    tiedEmbeddings: true,
  };
}

/** A LLaMA with random weights. */
export function createRandomLlama(device: Device, extents: LlamaExtents, dtype: WeightDtype = "f32"): Model {
  const config = randomLlamaConfig(extents);
  const params = createLlamaTree(config, ({ name, shape }) => {
    const values = name.endsWith("norm.weight")
      ? new Float32Array(shape[0]!).fill(1)
      : uniformValues(shape[0]! * shape[1]!, 1 / Math.sqrt(shape[1]!), name);
    const packed = shape.length > 1 && dtype !== "f32";
    return device.keep(device.tensor(values, shape, packed ? dtype : device.floatDtype));
  });
  return {
    backbone: createLlama(config),
    params,
    [Symbol.dispose]: () => {
      for (const { leaf } of leavesOf<Tensor>(params)) leaf.dispose();
    },
  };
}

/** Numbers of a standard deviation from a name, at a few nanoseconds each: a billion of them are wanted. */
export function uniformValues(length: number, deviation: number, name: string): Float32Array {
  let state = [...name].reduce((hash, character) => Math.imul(hash ^ character.codePointAt(0)!, 16777619), 2166136261);
  const width = (deviation * Math.sqrt(12)) / 2 ** 32;
  const values = new Float32Array(length);
  for (let index = 0; index < length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[index] = state * width;
  }
  return values;
}

/** `length` normal numbers with a standard deviation. */
export function randomValues(length: number, deviation: number, seed: number): Float32Array {
  const random = createRandom(seed, "benchmark");
  return Float32Array.from({ length }, () => deviation * random.normal());
}

/** A matrix or vector of normal numbers with a standard deviation; the caller disposes it. */
export function randomTensor(device: Device, shape: readonly number[], deviation: number, seed: number): Tensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  return device.keep(device.tensor(randomValues(size, deviation, seed), shape, device.floatDtype));
}

/** `length` token ids below `vocabSize`. */
export function randomTokens(vocabSize: number, length: number, seed: number): Uint32Array {
  const random = createRandom(seed, "benchmark tokens");
  return Uint32Array.from({ length }, () => random.integer(vocabSize));
}
