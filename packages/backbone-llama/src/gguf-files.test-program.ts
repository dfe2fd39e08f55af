// GGUF files of models with Hugging Face's names, and comparisons of loaded models: for tests.
import { type GgufTensor, type GgufValue, writeGguf } from "@dual-head/checkpoint";
import { leavesOf, project, projectionTerms, segmentsOf, type Tensor } from "@dual-head/tensor-core";
import { expect } from "vitest";
import { llamaConfigFrom } from "./config.ts";
import { ggufArchitectures } from "./gguf-architectures.ts";
import type { LoadedLlama } from "./load-llama.ts";
import { storedShape, type WeightName } from "./params.ts";

/** Rows in pairs, as GGUF has queries and keys of LLaMA: the reverse of what loading does. */
function pairRows(values: Float32Array, headCount: number, headSize: number): Float32Array {
  const columns = values.length / (headCount * headSize);
  const paired = new Float32Array(values.length);
  for (let head = 0; head < headCount; head++) {
    for (let row = 0; row < headSize; row++) {
      const from = head * headSize + (row % 2) * (headSize / 2) + Math.floor(row / 2);
      paired.set(values.subarray(from * columns, (from + 1) * columns), (head * headSize + row) * columns);
    }
  }
  return paired;
}

/** A config.json, parsed. */
export type Json = Readonly<Record<string, unknown>>;

/** Writes weights with Hugging Face's names as GGUF of an architecture. */
export async function writeAs(
  architecture: string,
  path: string,
  json: Json,
  weights: readonly WeightName[],
  read: (name: string) => Promise<Float32Array> | Float32Array,
  extra: Readonly<Record<string, GgufValue>> = {},
): Promise<void> {
  const row = ggufArchitectures[architecture]!;
  // As llama.cpp writes them, whatever the table says.
  const paired = architecture === "llama";
  const config = llamaConfigFrom(json);
  const outer: Readonly<Record<string, string>> = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
  };
  const nameOf = (name: string) => {
    const [, layer, part, suffix] = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name) ?? [];
    const own = Object.entries(row.layerNames).find(([, hf]) => hf === part)?.[0];
    return own === undefined ? outer[name]! : `blk.${layer}.${own}.${suffix}`;
  };
  const distinct = new Map(weights.map((weight) => [weight.name, storedShape(weight)]));
  const tensors = [...distinct].map(([name, shape]): GgufTensor => {
    const heads = /\.q_proj\./.test(name) ? config.headCount : /\.k_proj\./.test(name) ? config.groupCount : null;
    return {
      name: nameOf(name),
      shape,
      dtype: "F32",
      values: async () =>
        paired && heads !== null ? pairRows(await read(name), heads, config.headSize) : await read(name),
    };
  });
  const { hiddenSize, layerCount, feedForwardSize, headCount, groupCount, maxTokens, normEpsilon, ropeTheta } = config;
  await writeGguf(
    path,
    {
      "general.architecture": { string: architecture },
      [`${architecture}.embedding_length`]: { u32: hiddenSize },
      [`${architecture}.block_count`]: { u32: layerCount },
      [`${architecture}.feed_forward_length`]: { u32: feedForwardSize },
      [`${architecture}.attention.head_count`]: { u32: headCount },
      [`${architecture}.attention.head_count_kv`]: { u32: groupCount },
      [`${architecture}.context_length`]: { u32: maxTokens },
      [`${architecture}.attention.layer_norm_rms_epsilon`]: { f32: normEpsilon },
      [`${architecture}.rope.freq_base`]: { f32: ropeTheta },
      ...extra,
    },
    tensors,
  );
}

/** Expects two models to hold the very same numbers. */
export async function expectSameParams(actual: LoadedLlama, expected: LoadedLlama): Promise<void> {
  const [found, wanted] = [leavesOf<Tensor>(actual.params), leavesOf<Tensor>(expected.params)];
  expect(found.map(({ path }) => path)).toEqual(wanted.map(({ path }) => path));
  for (const [index, { path, leaf }] of wanted.entries()) {
    const values = await found[index]!.leaf.read();
    const others = await leaf.read();
    expect([path, values.findIndex((value, at) => value !== others[at])]).toEqual([path, -1]);
  }
}

/** Logits of rows of hidden states. */
export function logitsOf({ backbone, params }: LoadedLlama, hidden: Tensor): Tensor {
  return hidden.device.scope(() =>
    project(projectionTerms(hidden, [{ projection: backbone.lmHead(params), coefficient: null }])),
  );
}

/** Logits of every position of sequences. */
export async function logitsFor(
  loaded: LoadedLlama,
  sequences: readonly (readonly number[])[],
): Promise<readonly number[]> {
  const segments = segmentsOf(sequences.map(({ length }) => length));
  using hidden = loaded.backbone.hidden(loaded.params, Uint32Array.from(sequences.flat()), segments);
  using logits = logitsOf(loaded, hidden);
  return [...(await logits.read())];
}
