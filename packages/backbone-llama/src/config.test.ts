// Configs that can be run, and those that must be refused rather than run wrongly.
import { ConfigError } from "@dual-head/backbone";
import { createAllocationRecord, measureAllocations } from "@dual-head/bytes/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type LlamaConfig, llamaConfigFrom } from "./config.ts";
import { weightNames } from "./params.ts";
import { ropeFrequencies } from "./rope.ts";
import { llamaConfigJson } from "./save-llama.ts";

const minimal = {
  model_type: "llama",
  hidden_size: 24,
  intermediate_size: 17,
  num_hidden_layers: 3,
  num_attention_heads: 6,
  vocab_size: 23,
};

describe("llamaConfigFrom()", () => {
  it("fills in what published configurations leave out", () => {
    expect(llamaConfigFrom(minimal)).toEqual({
      architecture: "llama",
      hiddenSize: 24,
      vocabSize: 23,
      maxTokens: 2048,
      layerCount: 3,
      feedForwardSize: 17,
      headCount: 6,
      groupCount: 6,
      headSize: 4,
      normEpsilon: 1e-6,
      rotarySize: null,
      ropeTheta: 10000,
      ropeScaling: null,
      window: null,
      tiedEmbeddings: false,
      attentionBias: false,
      outputBias: false,
      feedForwardBias: false,
    });
    expect(llamaConfigFrom({ ...minimal, model_type: "mistral", num_attention_heads: 8, head_dim: 2 })).toMatchObject({
      groupCount: 8,
      window: 4096,
      maxTokens: 131072,
      headSize: 2,
    });
    expect(llamaConfigFrom({ ...minimal, model_type: "mistral", num_key_value_heads: null }).groupCount).toBe(6);
    expect(llamaConfigFrom({ ...minimal, model_type: "qwen2", num_key_value_heads: 3 })).toMatchObject({
      window: null,
      maxTokens: 32768,
      attentionBias: true,
      outputBias: false,
    });
    expect(llamaConfigFrom({ ...minimal, model_type: "phi3" })).toMatchObject({
      groupCount: 6,
      window: null,
      maxTokens: 4096,
      normEpsilon: 1e-5,
    });
    expect(llamaConfigFrom({ ...minimal, model_type: "phi3", partial_rotary_factor: 0.5 }).rotarySize).toBe(2);
  });

  it("reads what is given", () => {
    const given = {
      ...minimal,
      model_type: "mistral",
      num_key_value_heads: 2,
      head_dim: 10,
      max_position_embeddings: 31,
      rms_norm_eps: 1e-5,
      rope_theta: 500000,
      sliding_window: null,
      tie_word_embeddings: true,
      rope_scaling: { rope_type: "default" },
      hidden_act: "silu",
      torch_dtype: "bfloat16",
    };
    expect(llamaConfigFrom(given)).toMatchObject({
      groupCount: 2,
      headSize: 10,
      maxTokens: 31,
      normEpsilon: 1e-5,
      ropeTheta: 500000,
      window: null,
      tiedEmbeddings: true,
    });
    expect(llamaConfigFrom({ ...minimal, rope_parameters: { rope_type: "default", rope_theta: 7 } }).ropeTheta).toBe(7);
    expect(llamaConfigFrom({ ...minimal, attention_bias: true, mlp_bias: true })).toMatchObject({
      attentionBias: true,
      outputBias: true,
      feedForwardBias: true,
    });
  });

  it("lets keys pass that change no logit", () => {
    const harmless = { attention_dropout: 0.1, resid_pdrop: 0.1, pretraining_tp: 2, use_cache: false, auto_map: {} };
    expect(llamaConfigFrom({ ...minimal, ...harmless, initializer_range: 1, transformers_version: "5" })).toEqual(
      llamaConfigFrom(minimal),
    );
    const layers = ["full_attention", "full_attention", "full_attention"];
    expect(llamaConfigFrom({ ...minimal, layer_types: layers })).toEqual(llamaConfigFrom(minimal));
  });

  it("reads scalings of rotary embeddings, and how far they go", () => {
    const scaled = (rope_scaling: object, more: object = {}) => llamaConfigFrom({ ...minimal, ...more, rope_scaling });
    expect(scaled({ type: "linear", factor: 4 }).ropeScaling).toEqual({ type: "linear", factor: 4 });
    expect(scaled({ type: "dynamic", factor: 4 }, { max_position_embeddings: 31 })).toMatchObject({
      ropeScaling: { type: "dynamic", factor: 4, originalMaxTokens: 31 },
      maxTokens: 31,
    });
    expect(scaled({ type: "yarn", factor: 4 }, { max_position_embeddings: 31 })).toMatchObject({
      ropeScaling: { betaFast: 32, betaSlow: 1, truncate: true, attentionFactor: 0.1 * Math.log(4) + 1 },
      maxTokens: 124,
    });
    expect(scaled({ type: "yarn", factor: 40, mscale: 1, mscale_all_dim: 1 }).ropeScaling).toMatchObject({
      attentionFactor: 1,
    });
    const longrope = { type: "su", short_factor: [1, 2], long_factor: [3, 4] };
    const phi = { model_type: "phi3", max_position_embeddings: 131072 };
    expect(scaled(longrope, phi)).toMatchObject({
      ropeScaling: { type: "longrope", originalMaxTokens: 4096, attentionFactor: Math.sqrt(1 + 5 / 12) },
      maxTokens: 4096,
    });
    const parameters = { rope_parameters: { rope_type: "linear", factor: 3, rope_theta: 7 } };
    expect(llamaConfigFrom({ ...minimal, ...parameters })).toMatchObject({
      ropeTheta: 7,
      ropeScaling: { type: "linear", factor: 3 },
    });
    expect(llamaConfigFrom({ ...minimal, rope_parameters: { rope_theta: 7 } }).ropeScaling).toBeNull();
  });

  it("reads windows of Qwen2 by the layers that have them", () => {
    const windowOf = (more: object) =>
      llamaConfigFrom({ ...minimal, model_type: "qwen2", num_key_value_heads: 2, use_sliding_window: true, ...more })
        .window;
    expect(windowOf({ max_window_layers: 0 })).toBe(4096);
    expect(windowOf({ sliding_window: 8, max_window_layers: 0 })).toBe(8);
    expect(windowOf({ sliding_window: 8 })).toBeNull();
    expect(windowOf({ sliding_window: null })).toBeNull();
    expect(windowOf({ sliding_window: 8, layer_types: new Array(3).fill("sliding_attention") })).toBe(8);
    expect(windowOf({ sliding_window: 8, layer_types: new Array(3).fill("full_attention") })).toBeNull();
  });

  const refused: readonly (readonly [string, Record<string, unknown>, string])[] = [
    ["model_type", { model_type: "gpt_neox" }, "one of llama, mistral, qwen2, phi3"],
    ["model_type", { model_type: undefined }, "is missing but must be one of llama, mistral, qwen2, phi3"],
    ["rope_scaling", { rope_scaling: { rope_type: "llama3", factor: 8 } }, '"low_freq_factor" is a number'],
    ["rope_scaling", { rope_scaling: { type: "linear" } }, '"factor" is a number from'],
    ["rope_scaling", { rope_scaling: { type: "linear", factor: -2 } }, '"factor" is a number from'],
    ["rope_scaling", { rope_scaling: { factor: 2 } }, 'whose "rope_type" is one of default, linear, llama3'],
    ["rope_scaling", { rope_scaling: { type: "mrope" } }, "other scalings are not supported"],
    ["rope_scaling", { rope_scaling: { type: "longrope", short_factor: [1], long_factor: [1, 2] } }, "short_factor"],
    ["rope_parameters", { rope_parameters: { rope_type: "yarn", factor: 0 } }, '"factor" is a number from'],
    ["rope_parameters", { rope_parameters: { full_attention: {} } }, "one rule for all layers"],
    ["rope_theta", { rope_theta: 1, rope_scaling: { type: "yarn", factor: 2 } }, "above 1"],
    [
      "rope_scaling",
      {
        max_position_embeddings: 64,
        original_max_position_embeddings: 16,
        rope_scaling: { type: "longrope", short_factor: [1, 1], long_factor: [1, 2], factor: 8 },
      },
      'whose "factor" is 4',
    ],
    [
      "max_window_layers",
      { model_type: "qwen2", num_key_value_heads: 2, use_sliding_window: true, max_window_layers: 1 },
      "windows of some layers are not supported",
    ],
    ["layer_types", { layer_types: ["full_attention"] }, "a list of 3"],
    [
      "layer_types",
      { layer_types: ["full_attention", "sliding_attention", "full_attention"] },
      "full_attention only, for no sliding_window is set",
    ],
    ["layer_types", { layer_types: ["linear_attention"] }, "full_attention and sliding_attention"],
    ["num_hidden_layers", { num_hidden_layers: 1e9 }, "from 1 to 4096"],
    ["mlp_bias", { model_type: "qwen2", num_key_value_heads: 2, mlp_bias: true }, "false for model_type qwen2"],
    ["hidden_act", { hidden_act: "gelu" }, 'left out or "silu" or "swish"'],
    ["sliding_window", { sliding_window: 4 }, "use model_type mistral"],
    [
      "attention_bias",
      { model_type: "mistral", num_attention_heads: 8, attention_bias: true },
      "false for model_type mistral",
    ],
    ["quantization_config", { quantization_config: { bits: 4 } }, "left out"],
    ["partial_rotary_factor", { partial_rotary_factor: 0.5 }, "1 for model_type llama, whose heads turn whole"],
    ["partial_rotary_factor", { model_type: "phi3", partial_rotary_factor: 0.75 }, "an even number of a head's 4 turn"],
    ["partial_rotary_factor", { model_type: "phi3", partial_rotary_factor: 1.5 }, "at most 1"],
    ["final_logit_softcapping", { final_logit_softcapping: 30 }, "left out"],
    ["num_key_value_heads", { num_key_value_heads: 4 }, "a divisor of the 6 attention heads"],
    ["num_attention_heads", { num_attention_heads: 5 }, "add head_dim"],
    ["head_dim", { head_dim: 3 }, "even"],
    ["hidden_size", { hidden_size: -1 }, "an integer from 1 to 2147483647"],
    ["vocab_size", { vocab_size: undefined }, '"vocab_size" is missing but must be'],
    ["rms_norm_eps", { rms_norm_eps: 0 }, "a positive number"],
  ];
  for (const [key, change, message] of refused) {
    it(`refuses ${JSON.stringify(change)} and names ${key}`, () => {
      const parse = () => llamaConfigFrom({ ...minimal, ...change }, "a/config.json");
      expect(parse).toThrow(ConfigError);
      expect(parse).toThrow(message);
      expect(parse).toThrow(/^Cannot use a\/config\.json: "/);
      try {
        parse();
      } catch (error) {
        expect((error as ConfigError).key).toBe(key);
      }
    });
  }

  it("throws only ConfigError whatever the JSON", () => {
    const keys = fc.constantFrom(
      ...Object.keys(minimal),
      "rope_scaling",
      "rope_parameters",
      "sliding_window",
      "head_dim",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.jsonValue(),
          fc.dictionary(keys, fc.jsonValue()).map((change) => ({ ...minimal, ...change })),
        ),
        (json) => {
          try {
            const config = llamaConfigFrom(json);
            expect(config.headCount % config.groupCount).toBe(0);
          } catch (error) {
            expect(error).toBeInstanceOf(ConfigError);
          }
        },
      ),
      { seed: 5, numRuns: 300 },
    );
  });
});

describe("config.json, damaged", () => {
  const scaling = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
  const valid: readonly Record<string, unknown>[] = [
    { ...minimal, rope_scaling: { ...scaling, original_max_position_embeddings: 16 }, attention_bias: true },
    { ...minimal, model_type: "mistral", num_key_value_heads: 2, sliding_window: 8, max_position_embeddings: 99 },
    {
      ...minimal,
      model_type: "qwen2",
      num_key_value_heads: 3,
      use_sliding_window: true,
      sliding_window: 8,
      max_window_layers: 0,
      rope_scaling: { type: "yarn", factor: 4, original_max_position_embeddings: 16 },
    },
    {
      ...minimal,
      model_type: "phi3",
      head_dim: 8,
      partial_rotary_factor: 0.5,
      max_position_embeddings: 64,
      original_max_position_embeddings: 16,
      rope_scaling: { type: "longrope", short_factor: [1, 1.5], long_factor: [2, 3] },
    },
  ];
  const odd = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>(-1, 0, 0.5, 1, 2, 3, 4, 6, 1e9, 2 ** 53, 1e300, "", "llama", "silu", true, null, [], {}),
  );
  const keys = [
    ...new Set(valid.flatMap((config) => [...Object.keys(config), ...Object.keys(config.rope_scaling ?? {})])),
  ];
  const mutation = fc.record({
    key: fc.constantFrom(...keys, "rope_theta", "rms_norm_eps", "layer_types", "rope_parameters", "hidden_act"),
    inside: fc.boolean(),
    remove: fc.boolean(),
    value: odd,
  });

  it("gives a ConfigError, or a config that can be run and written: 10,000 mutations (seed 8)", async () => {
    let run = 0;
    const { most, add } = createAllocationRecord();
    const property = fc.asyncProperty(
      fc.constantFrom(...valid),
      fc.array(mutation, { minLength: 1, maxLength: 3 }),
      async (config, mutations) => {
        const json = structuredClone(config);
        for (const { key, inside, remove, value } of mutations) {
          const rope = json.rope_scaling;
          const at = (inside && rope && typeof rope === "object" ? rope : json) as Record<string, unknown>;
          if (remove) delete at[key];
          else at[key] = value;
        }
        let parsed: LlamaConfig | null = null;
        add(
          await measureAllocations(() => {
            try {
              parsed = llamaConfigFrom(json);
              // Names and shapes of all weights are lists of as many as the config has layers, at most 4096.
              if (json.num_hidden_layers === valid[0]!.num_hidden_layers) weightNames(parsed);
            } catch (error) {
              expect(error).toBeInstanceOf(ConfigError);
            }
          }),
        );
        if (parsed === null) return;
        parsed = parsed as LlamaConfig;
        run++;
        expect(parsed.headCount % parsed.groupCount).toBe(0);
        expect(parsed.maxTokens).toBeGreaterThan(0);
        if (parsed.headSize < 1000) expect(ropeFrequencies(parsed).every(Number.isFinite)).toBe(true);
        expect(llamaConfigFrom(JSON.parse(JSON.stringify(llamaConfigJson(parsed))))).toEqual(parsed);
      },
    );
    await fc.assert(property, { seed: 8, numRuns: 10_000 });
    expect(run).toBeGreaterThan(1000);
    console.log(
      `config.json: ${10_000 - run} of 10000 damaged configs refused; buffers of up to ${most.largestBuffer} bytes, the heap grew by up to ${most.heapGrowth}`,
    );
    expect(most.largestBuffer).toBeLessThan(2 ** 20);
    expect(most.heapGrowth).toBeLessThan(2 ** 21);
  });
});
