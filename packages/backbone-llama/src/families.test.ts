// Every family by the folder it is published in: config.json and safetensors of random tiny models, loaded as a user
// would, against plain loops that read the same files.
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backboneLaws } from "@dual-head/backbone/testing";
import { openCheckpoint, type StoredTensor, writeSafetensors } from "@dual-head/checkpoint";
import { countVectors, sharedAsset } from "@dual-head/repo-tools";
import { createRandom, project, projectionTerms, segmentsOf } from "@dual-head/tensor-core";
import { checkClose, sharedDevice, testDeviceNames } from "@dual-head/tensor-core/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LoadedLlama, llamaConfigFrom, loadLlama, saveLlama } from "./index.ts";
import { type RawConfig, type RawTensors, scalarLogits } from "./testing/scalar-families.ts";
import { tinyLlama } from "./testing/tiny-llama.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-families-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const extents = {
  hidden_size: 12,
  intermediate_size: 7,
  num_hidden_layers: 2,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  head_dim: 10,
  vocab_size: 17,
  max_position_embeddings: 31,
};
const half = Array.from({ length: 5 }, (_, pair) => pair);

/** Configs as their authors' repositories write them, made small. */
const families: Readonly<Record<string, RawConfig>> = {
  "LLaMA 2": { model_type: "llama", ...extents, rms_norm_eps: 1e-5, rope_scaling: null, pretraining_tp: 1 },
  "LLaMA 1 with linear scaling": { model_type: "llama", ...extents, rope_scaling: { type: "linear", factor: 2.5 } },
  "LLaMA 3.2": {
    model_type: "llama",
    ...extents,
    rope_theta: 500000,
    tie_word_embeddings: true,
    rope_scaling: {
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 16,
      rope_type: "llama3",
    },
  },
  "LLaMA with biases": { model_type: "llama", ...extents, attention_bias: true, mlp_bias: true },
  "LLaMA with dynamic scaling": {
    model_type: "llama",
    ...extents,
    rope_scaling: { type: "dynamic", factor: 4 },
  },
  Mistral: { model_type: "mistral", ...extents, sliding_window: 4, rope_theta: 1000 },
  "Qwen2.5": {
    model_type: "qwen2",
    ...extents,
    rope_theta: 1000000,
    use_sliding_window: false,
    sliding_window: 5,
    max_window_layers: 2,
    use_mrope: false,
  },
  "Qwen2 with windows, tied": {
    model_type: "qwen2",
    ...extents,
    use_sliding_window: true,
    sliding_window: 3,
    max_window_layers: 0,
    tie_word_embeddings: true,
  },
  "Qwen2.5 with yarn": {
    model_type: "qwen2",
    ...extents,
    rope_scaling: { type: "yarn", factor: 4, original_max_position_embeddings: 16, beta_fast: 2 },
  },
  "Phi-3": {
    model_type: "phi3",
    ...extents,
    rms_norm_eps: 1e-5,
    sliding_window: 6,
    attention_bias: false,
    resid_pdrop: 0,
  },
  "Phi-4-mini, whose heads turn in part": {
    model_type: "phi3",
    ...extents,
    rms_norm_eps: 1e-5,
    partial_rotary_factor: 0.6,
    tie_word_embeddings: true,
    max_position_embeddings: 64,
    original_max_position_embeddings: 16,
    rope_scaling: { type: "longrope", short_factor: [1, 1.5, 2], long_factor: [2, 3, 4] },
  },
  "Phi-3 with longrope": {
    model_type: "phi3",
    ...extents,
    rms_norm_eps: 1e-5,
    max_position_embeddings: 64,
    original_max_position_embeddings: 16,
    rope_scaling: {
      type: "su",
      short_factor: half.map((pair) => 1 + pair / 10),
      long_factor: half.map((pair) => 2 + pair),
    },
  },
};

/** Names and shapes of the tensors in the authors' files. */
function shapesOf(config: RawConfig): Readonly<Record<string, readonly number[]>> {
  const [d, f, v] = [extents.hidden_size, extents.intermediate_size, extents.vocab_size];
  const [q, kv] = [extents.num_attention_heads * extents.head_dim, extents.num_key_value_heads * extents.head_dim];
  const shapes: Record<string, readonly number[]> = { "model.embed_tokens.weight": [v, d], "model.norm.weight": [d] };
  if (config.tie_word_embeddings !== true) shapes["lm_head.weight"] = [v, d];
  for (const layer of [0, 1]) {
    const at = `model.layers.${layer}`;
    shapes[`${at}.input_layernorm.weight`] = [d];
    shapes[`${at}.post_attention_layernorm.weight`] = [d];
    shapes[`${at}.self_attn.o_proj.weight`] = [d, q];
    shapes[`${at}.mlp.down_proj.weight`] = [d, f];
    if (config.model_type === "phi3") {
      shapes[`${at}.self_attn.qkv_proj.weight`] = [q + 2 * kv, d];
      shapes[`${at}.mlp.gate_up_proj.weight`] = [2 * f, d];
      continue;
    }
    shapes[`${at}.self_attn.q_proj.weight`] = [q, d];
    shapes[`${at}.self_attn.k_proj.weight`] = [kv, d];
    shapes[`${at}.self_attn.v_proj.weight`] = [kv, d];
    shapes[`${at}.mlp.gate_proj.weight`] = [f, d];
    shapes[`${at}.mlp.up_proj.weight`] = [f, d];
    if (config.model_type === "qwen2" || config.attention_bias === true) {
      for (const [name, size] of Object.entries({ q, k: kv, v: kv }))
        shapes[`${at}.self_attn.${name}_proj.bias`] = [size];
    }
    if (config.attention_bias === true) shapes[`${at}.self_attn.o_proj.bias`] = [d];
    if (config.mlp_bias === true) {
      for (const [name, size] of Object.entries({ gate: f, up: f, down: d }))
        shapes[`${at}.mlp.${name}_proj.bias`] = [size];
    }
  }
  return shapes;
}

/** Writes a family's folder; answers with the tensors in it. */
async function writeFamily(folder: string, config: RawConfig): Promise<RawTensors> {
  const tensors: Record<string, StoredTensor & { readonly data: Float32Array }> = {};
  for (const [name, shape] of Object.entries(shapesOf(config))) {
    const random = createRandom(11, name);
    const size = shape.reduce((product, extent) => product * extent, 1);
    const spread = shape.length === 1 ? 0.3 : 0.5;
    const data = Float32Array.from({ length: size }, () => (name.includes("norm") ? 1 : 0) + spread * random.normal());
    tensors[name] = { dtype: "F32", shape, data };
  }
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
  return new Map(Object.entries(tensors));
}

async function logitsOf({ backbone, params }: LoadedLlama, tokens: readonly number[]): Promise<ArrayLike<number>> {
  const { device } = params.embedding;
  using logits = device.scope(() => {
    const hidden = backbone.hidden(params, Uint32Array.from(tokens), segmentsOf([tokens.length]));
    return project(projectionTerms(hidden, [{ projection: backbone.lmHead(params), coefficient: null }]));
  });
  return await logits.read();
}

const tokens = [3, 16, 0, 7, 7, 12, 1, 9, 5, 2, 14];

describe("loadLlama() of every family agrees with plain loops over the same files", () => {
  for (const [name, config] of Object.entries(families)) {
    it(name, async () => {
      const folder = await mkdtemp(join(root, "model-"));
      const tensors = await writeFamily(folder, config);
      const expected = scalarLogits(config, tensors, tokens).flat();
      expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(0.5);
      for (const deviceName of testDeviceNames) {
        const device = await sharedDevice(deviceName);
        using loaded = await loadLlama(folder, device);
        checkClose(name, await logitsOf(loaded, tokens), expected, deviceName === "reference" ? 1e-12 : 5e-5);
      }
    });

    it(`${name}, written and read back`, async () => {
      const device = await sharedDevice("cpu");
      const [folder, copy] = [await mkdtemp(join(root, "model-")), await mkdtemp(join(root, "copy-"))];
      const tensors = await writeFamily(folder, config);
      using loaded = await loadLlama(folder, device);
      await saveLlama(copy, loaded.config, loaded.params);
      using again = await loadLlama(copy, device);
      expect(again.config).toEqual(loaded.config);
      expect(await logitsOf(again, tokens)).toEqual(await logitsOf(loaded, tokens));
      expect(loaded.config).toEqual(llamaConfigFrom(config));
      expect(tensors.size).toBeGreaterThan(0);
    });
  }

  it("each knob of a family moves the logits: no key is read in vain", async () => {
    const device = await sharedDevice("reference");
    const knobs: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
      ["Mistral", { sliding_window: 3 }],
      ["Qwen2 with windows, tied", { use_sliding_window: false }],
      ["Qwen2.5", { rope_theta: 100 }],
      ["Phi-3", { sliding_window: null }],
      ["Phi-3", { rms_norm_eps: 0.1 }],
      ["Phi-3", { partial_rotary_factor: 0.4 }],
      ["LLaMA 3.2", { rope_scaling: null }],
      ["LLaMA 1 with linear scaling", { rope_scaling: null }],
      ["Qwen2.5 with yarn", { rope_scaling: null }],
      ["Phi-3 with longrope", { max_position_embeddings: 31 }],
    ];
    for (const [name, change] of knobs) {
      const folder = await mkdtemp(join(root, "knob-"));
      await writeFamily(folder, families[name]!);
      using loaded = await loadLlama(folder, device);
      const before = Array.from(await logitsOf(loaded, tokens));
      await writeFile(join(folder, "config.json"), JSON.stringify({ ...families[name], ...change }));
      using changed = await loadLlama(folder, device);
      const after = await logitsOf(changed, tokens);
      expect(Math.max(...before.map((value, at) => Math.abs(value - after[at]!)))).toBeGreaterThan(1e-4);
    }
  });
});

const parity = sharedAsset("hf_parity");

describe.skipIf(parity === null)(
  "loadLlama() of published tiny models agrees with plain loops over the same files",
  () => {
    const vectors = countVectors("published tiny models, logits by plain loops");
    it.each(["tiny_llama", "tiny_llama_q8", "tiny_mistral", "tiny_smollm2"])("%s", async (name) => {
      const folder = await mkdtemp(join(root, "published-"));
      await copyFile(join(parity!, `${name}_config.json`), join(folder, "config.json"));
      await copyFile(join(parity!, `${name}.safetensors`), join(folder, "model.safetensors"));
      const config = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
      const checkpoint = await openCheckpoint(folder);
      const tensors = new Map<string, { readonly shape: readonly number[]; readonly data: Float64Array }>();
      for (const tensor of checkpoint.names) {
        tensors.set(tensor, { shape: checkpoint.spec(tensor).shape, data: await checkpoint.read(tensor, "f64") });
      }
      await checkpoint.close();
      const own = tokens.map((token) => token % config.vocab_size);
      const passed = vectors.begin(own.length);
      using loaded = await loadLlama(folder, await sharedDevice("reference"));
      checkClose(name, await logitsOf(loaded, own), scalarLogits(config, tensors, own).flat(), 1e-12);
      passed();
    });
  },
);

backboneLaws("tinyLlama of Phi-3's shape whose heads turn in part", (device) =>
  tinyLlama(device, 13, { architecture: "phi3", rotarySize: 2, window: 4 }),
);
backboneLaws("tinyLlama of Qwen2's shape with llama3 scaling", (device) =>
  tinyLlama(device, 12, {
    architecture: "qwen2",
    attentionBias: true,
    ropeScaling: { type: "llama3", factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalMaxTokens: 16 },
  }),
);
