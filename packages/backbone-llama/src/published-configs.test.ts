// The keys of published config.json files: none of them is refused, and no key is let pass that might change logits.
import { readFileSync } from "node:fs";
import { ConfigError } from "@dual-head/backbone";
import { sharedAsset } from "@dual-head/repo-tools";
import { describe, expect, it } from "vitest";
import { llamaConfigFrom } from "./config.ts";

const common = {
  ...{ attention_dropout: 0.0, bos_token_id: 1, eos_token_id: 2, hidden_act: "silu", initializer_range: 0.02 },
  ...{ torch_dtype: "bfloat16", transformers_version: "4.43.0", use_cache: true, vocab_size: 32000 },
};
const sizes = (hidden: number, inner: number, layers: number, heads: number, groups: number) => ({
  ...{ hidden_size: hidden, intermediate_size: inner, num_hidden_layers: layers },
  ...{ num_attention_heads: heads, num_key_value_heads: groups },
});
const llama = { architectures: ["LlamaForCausalLM"], model_type: "llama", rms_norm_eps: 1e-5, ...common };
const llama3 = {
  ...{ factor: 8.0, low_freq_factor: 1.0, high_freq_factor: 4.0, original_max_position_embeddings: 8192 },
  rope_type: "llama3",
};
const pairs = (count: number) => Array.from({ length: count }, (_, pair) => 1 + pair / 10);
const phi3 = {
  ...{ architectures: ["Phi3ForCausalLM"], model_type: "phi3", rms_norm_eps: 1e-5, ...common },
  ...{ embd_pdrop: 0.0, resid_pdrop: 0.0, attention_bias: false, original_max_position_embeddings: 4096 },
  auto_map: { AutoConfig: "configuration_phi3.Phi3Config", AutoModelForCausalLM: "modeling_phi3.Phi3ForCausalLM" },
};

const published: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "LLaMA 1, converted early": {
    ...{ ...llama, ...sizes(4096, 11008, 32, 32, 32), max_sequence_length: 2048, pad_token_id: 0 },
    ...{ max_length: 4096, tie_word_embeddings: false },
  },
  "LLaMA 2 7B": {
    ...{ ...llama, _name_or_path: "meta-llama/Llama-2-7b-hf", ...sizes(4096, 11008, 32, 32, 32) },
    ...{ max_position_embeddings: 4096, pretraining_tp: 1, rope_scaling: null, tie_word_embeddings: false },
  },
  "LLaMA 3.1 8B Instruct": {
    ...{ ...llama, ...sizes(4096, 14336, 32, 32, 8), attention_bias: false, eos_token_id: [128001, 128008, 128009] },
    ...{ max_position_embeddings: 131072, mlp_bias: false, pretraining_tp: 1, rope_scaling: llama3 },
    ...{ rope_theta: 500000.0, tie_word_embeddings: false, vocab_size: 128256 },
  },
  "LLaMA 3.2 1B, tuned with a library": {
    ...{ ...llama, ...sizes(2048, 8192, 16, 32, 8), head_dim: 64, rope_scaling: { ...llama3, factor: 32.0 } },
    ...{ rope_theta: 500000.0, tie_word_embeddings: true, unsloth_version: "2024.9", unsloth_fixed: true },
    ...{ _attn_implementation_autoset: true, pad_token_id: 128004, max_position_embeddings: 131072 },
  },
  "TinyLlama 1.1B Chat": {
    ...{ ...llama, ...sizes(2048, 5632, 22, 32, 4), attention_bias: false, max_position_embeddings: 2048 },
    ...{ pretraining_tp: 1, rope_scaling: null, rope_theta: 10000.0, tie_word_embeddings: false },
  },
  "SmolLM2 135M Instruct": {
    ...{ ...llama, ...sizes(576, 1536, 30, 9, 3), attention_bias: false, is_llama_config: true, mlp_bias: false },
    ...{ initializer_range: 0.041666666666666664, max_position_embeddings: 8192, pad_token_id: 2, pretraining_tp: 1 },
    ...{ rope_interleaved: false, rope_scaling: null, rope_theta: 100000, tie_word_embeddings: true },
    "transformers.js_config": { dtype: "q4", kv_cache_dtype: { q4f16: "float16", fp16: "float16" } },
  },
  "as transformers 5 writes": {
    ...{ ...llama, ...sizes(2048, 8192, 16, 32, 8), dtype: "bfloat16", torch_dtype: undefined, head_dim: 64 },
    rope_parameters: { ...llama3, rope_theta: 500000.0 },
  },
  "Mistral 7B v0.1": {
    ...{ ...llama, architectures: ["MistralForCausalLM"], model_type: "mistral", ...sizes(4096, 14336, 32, 32, 8) },
    ...{ max_position_embeddings: 32768, rope_theta: 10000.0, sliding_window: 4096, tie_word_embeddings: false },
  },
  "Qwen2.5 0.5B Instruct": {
    ...{ ...common, architectures: ["Qwen2ForCausalLM"], model_type: "qwen2", ...sizes(896, 4864, 24, 14, 2) },
    ...{ max_position_embeddings: 32768, max_window_layers: 21, rms_norm_eps: 1e-6, rope_theta: 1000000.0 },
    ...{ sliding_window: 32768, tie_word_embeddings: true, use_sliding_window: false, use_mrope: false },
  },
  "Phi-3 mini 4k": {
    ...{ ...phi3, ...sizes(3072, 8192, 32, 32, 32), max_position_embeddings: 4096, pad_token_id: 32000 },
    ...{ rope_scaling: null, rope_theta: 10000.0, sliding_window: 2047, tie_word_embeddings: false },
  },
  "Phi-3 mini 128k": {
    ...{ ...phi3, ...sizes(3072, 8192, 32, 32, 32), max_position_embeddings: 131072, sliding_window: 262144 },
    rope_scaling: { type: "longrope", short_factor: pairs(48), long_factor: pairs(48) },
  },
  "Phi-4 mini": {
    ...{ ...phi3, ...sizes(3072, 8192, 32, 24, 8), max_position_embeddings: 131072, sliding_window: 262144 },
    ...{ full_attn_mod: 1, interpolate_factor: 1, lm_head_bias: false, mlp_bias: false, partial_rotary_factor: 0.75 },
    ...{
      rope_scaling: { type: "longrope", short_factor: pairs(48), long_factor: pairs(48) },
      tie_word_embeddings: true,
    },
  },
  "a classifier": {
    ...{ ...llama, architectures: ["LlamaForSequenceClassification"], ...sizes(4096, 14336, 32, 32, 8) },
    ...{ id2label: { 0: "LABEL_0" }, label2id: { LABEL_0: 0 }, problem_type: "regression", classifier_dropout: 0.0 },
  },
};

const tiny = { model_type: "llama", ...sizes(24, 17, 3, 6, 6), vocab_size: 23 };

describe("llamaConfigFrom() and the keys of published files", () => {
  it.each(Object.entries(published))("reads %s", (_, json) => {
    expect(llamaConfigFrom(json).hiddenSize).toBe(json.hidden_size);
  });

  const unknown: readonly (readonly [string, unknown])[] = [
    ["attn_temperature_tuning", true],
    ["scale_depth", 1.4],
    ["dual_chunk_attention_config", { chunk_size: 262144 }],
    ["rotary_emb_base", 1000],
    ["quantization", { bits: 4, group_size: 64 }],
    ["bias", true],
    ["lm_head_bias", true],
    ["num_experts_per_tok", 2],
    ["pruned_heads", { 0: [1] }],
    ["full_attn_mod", 2],
  ];
  it.each(unknown)("refuses %s, which is on no list, unless it is said to change nothing", (key, value) => {
    const json = { ...tiny, [key]: value };
    try {
      llamaConfigFrom(json);
      expect.fail("it was read");
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      expect([(error as ConfigError).key, (error as Error).message.includes(`"${key}" is`)]).toEqual([key, true]);
    }
    const expected = llamaConfigFrom(tiny);
    expect(llamaConfigFrom(json, "config.json", { ignoreConfigKeys: [key] })).toEqual(expected);
    for (const off of [null, false, {}, []]) expect(llamaConfigFrom({ ...tiny, [key]: off })).toEqual(expected);
  });

  it("refuses parts of a rope_scaling that no rule reads", () => {
    const rope_scaling = { rope_type: "linear", factor: 2, short_mscale: 1.2 };
    expect(() => llamaConfigFrom({ ...tiny, rope_scaling })).toThrow('an object without "short_mscale"');
  });
});

const files = ["hf_parity/tiny_llama_config.json", "hf_parity/tiny_smollm2_config.json"]
  .concat(["hf_parity/tiny_mistral_config.json", "models/stories260K/hf/config.json", "models/llama2xs/hf/config.json"])
  .map(sharedAsset);

describe.skipIf(files.some((file) => file === null))("configs beside the repository", () => {
  it("are all read", () => {
    for (const file of files)
      expect(llamaConfigFrom(JSON.parse(readFileSync(file!, "utf8")), file!).layerCount).toBeGreaterThan(0);
  });
});
