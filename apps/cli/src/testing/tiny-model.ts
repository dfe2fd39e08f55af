// A small random model with a tokenizer, and heads for it, written to folders for tests of the command line.
import { writeFile } from "node:fs/promises";
import { gpt2ConfigFrom, gpt2WeightNames } from "@dual-head/backbone-gpt2";
import { initialiseLlama, llamaConfigFrom, saveLlama } from "@dual-head/backbone-llama";
import { openCheckpoint, type StoredTensor, writeSafetensors } from "@dual-head/checkpoint";
import { attentionGate, constantGate, type MixingMode } from "@dual-head/gating";
import {
  blockHead,
  type HeadConfig,
  type HeadParams,
  linearHead,
  lowRankHead,
  type RewardHead,
  residualHead,
} from "@dual-head/heads";
import { createRandom, openDevice } from "@dual-head/tensor-core";
import { loadTokenizer } from "@dual-head/tokenizer";
import { saveHeads } from "@dual-head/train";
import { loadModel } from "../load-model.ts";

const characters = [..."▁abcdefghijklmnopqrstuvwxyz.,!?"];
const merged = ["he", "▁t", "▁the", "in", "▁a", "ing", "er", "▁s"];
const mergePairs = [
  ["h", "e"],
  ["▁", "t"],
  ["▁t", "he"],
  ["i", "n"],
  ["▁", "a"],
  ["in", "g"],
  ["e", "r"],
  ["▁", "s"],
];

/** A tokenizer.json with bytes, characters and eight merges. */
export function tinyTokenizerJson(): Record<string, unknown> {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const pieces = ["<unk>", "<s>", "</s>", ...bytes, ...characters, ...merged];
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const replace = (from: string, to: string) => ({ type: "Replace", pattern: { String: from }, content: to });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: pieces.slice(0, 3).map((content, id) => ({ id, content, ...flags })),
    normalizer: { type: "Sequence", normalizers: [{ type: "Prepend", prepend: "▁" }, replace(" ", "▁")] },
    pre_tokenizer: null,
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
      special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
    },
    decoder: {
      type: "Sequence",
      decoders: [
        replace("▁", " "),
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: "<unk>",
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges: mergePairs,
    },
  };
}

/** Rows of the tiny model: two more than its tokenizer has ids. */
export const tinyVocabSize: number = 3 + 256 + characters.length + merged.length + 2;

/** Writes a model folder; `extra` are keys of its config.json. */
export async function writeTinyModel(folder: string, extra: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const config = llamaConfigFrom({
    model_type: "llama",
    hidden_size: 32,
    intermediate_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    vocab_size: tinyVocabSize,
    max_position_embeddings: 64,
    tie_word_embeddings: true,
    ...extra,
  });
  using device = await openDevice("reference");
  await saveLlama(folder, config, initialiseLlama(config, device, 7), {
    generation: { bosTokenId: 1, eosTokenIds: [2] },
  });
  await shakeVectors(`${folder}/model.safetensors`);
  await writeFile(`${folder}/tokenizer.json`, JSON.stringify(tinyTokenizerJson()));
  const tokens = { bos_token: "<s>", eos_token: "</s>", unk_token: "<unk>", chat_template: "{{ messages }}" };
  await writeFile(`${folder}/tokenizer_config.json`, JSON.stringify({ tokenizer_class: "LlamaTokenizer", ...tokens }));
}

/** Moves biases from 0 and norms from 1, where a lost or swapped one would not show. */
async function shakeVectors(path: string): Promise<void> {
  const random = createRandom(8, "tiny-model");
  const tensors: Record<string, StoredTensor> = {};
  const checkpoint = await openCheckpoint(path);
  for (const name of checkpoint.names) {
    const { shape } = checkpoint.spec(name);
    const values = await checkpoint.read(name, "f32");
    tensors[name] = {
      dtype: "F32",
      shape,
      data: shape.length > 1 ? values : values.map((value) => value + 0.3 * random.normal()),
    };
  }
  await checkpoint.close();
  await writeSafetensors(path, tensors, { format: "pt" });
}

/** Writes a GPT-2 folder with random weights and the tokenizer of the tiny model. */
export async function writeTinyGpt2(folder: string): Promise<void> {
  const json = { model_type: "gpt2", n_embd: 24, n_layer: 2, n_head: 3, n_positions: 64, vocab_size: tinyVocabSize };
  const tensors: Record<string, StoredTensor> = {};
  for (const { name, shape, columns } of gpt2WeightNames(gpt2ConfigFrom(json))) {
    const random = createRandom(3, name);
    // Maps lie transposed, those of one input side by side.
    const stored = columns === undefined ? shape : [...shape.slice(1), columns.count];
    const size = stored.reduce((product, extent) => product * extent, 1);
    tensors[name] = {
      dtype: "F32",
      shape: stored,
      data: Float32Array.from({ length: size }, () => 0.3 * random.normal()),
    };
  }
  await writeSafetensors(`${folder}/model.safetensors`, tensors);
  await writeFile(`${folder}/config.json`, JSON.stringify({ ...json, bos_token_id: 1, eos_token_id: 2 }));
  await writeFile(`${folder}/tokenizer.json`, JSON.stringify(tinyTokenizerJson()));
}

/** What the heads of a test are. */
export interface TinyHeads {
  readonly kind?: HeadConfig["kind"];
  readonly bias?: boolean;
  /** A constant gate; an attention gate where it is left out. */
  readonly alpha?: number;
  readonly seed?: number;
  /** The mode of fusion in training; convex where it is left out. */
  readonly mixing?: MixingMode;
}

/** Writes heads with random parameters for the model of a folder. */
export async function writeTinyHeads(folder: string, model: string, options: TinyHeads = {}): Promise<void> {
  const { kind = "linear", bias = false, alpha, seed = 1 } = options;
  using device = await openDevice("reference");
  using loaded = await loadModel(model, device, {});
  const { hiddenSize, vocabSize } = loaded.config;
  const head = {
    linear: linearHead({ bias }),
    "low-rank": lowRankHead({ rank: 3, bias }),
    residual: residualHead({ width: 5, bias }),
    block: blockHead({ width: 6, headCount: 2, feedForwardSize: 7, bias }),
  }[kind] as RewardHead;
  const gate = alpha === undefined ? attentionGate({ hiddenSize, width: 8, headCount: 2 }) : constantGate({ alpha });
  const random = createRandom(seed, "tiny-heads");
  const draw = (shapes: Readonly<Record<string, readonly number[]>>): HeadParams =>
    Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => {
        const size = shape.reduce((product, extent) => product * extent, 1);
        return [
          name,
          device.tensor(
            Array.from({ length: size }, () => 0.2 * random.normal()),
            shape,
          ),
        ];
      }),
    );
  const params = { head: draw(head.parameterShapes(hiddenSize, vocabSize)), gate: draw(gate.parameterShapes) };
  await saveHeads(folder, params as Parameters<typeof saveHeads>[1], {
    head: head.config,
    gate: gate.config,
    hiddenSize,
    vocabSize,
    backboneSha256: loaded.sha256,
    backboneDtype: "f32",
    tokenizerSha256: (await loadTokenizer(model)).sha256,
    settings: options.mixing === undefined ? {} : { mixing: options.mixing },
    figures: { step: 1, stepCount: 1, trainLoss: null, heldOut: null, device: "reference" },
  });
}
