// Configs that can be run, and those that must be refused rather than run wrongly.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, llamaConfigFrom } from "./config.ts";
import { generationConfigFrom } from "./generation-config.ts";

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
      ropeTheta: 10000,
      window: null,
      tiedEmbeddings: false,
      attentionBias: false,
      feedForwardBias: false,
    });
    expect(llamaConfigFrom({ ...minimal, model_type: "mistral", num_attention_heads: 8, head_dim: 2 })).toMatchObject({
      groupCount: 8,
      window: 4096,
      maxTokens: 131072,
      headSize: 2,
    });
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
      feedForwardBias: true,
    });
  });

  const refused: readonly (readonly [string, Record<string, unknown>, string])[] = [
    ["model_type", { model_type: "gpt_neox" }, "one of llama, mistral"],
    ["model_type", { model_type: undefined }, "is missing but must be one of llama, mistral"],
    [
      "rope_scaling",
      { rope_scaling: { rope_type: "llama3", factor: 8 } },
      "scaled rotary embeddings are not supported",
    ],
    ["rope_scaling", { rope_scaling: { type: "linear", factor: 2 } }, "scaled rotary embeddings are not supported"],
    ["rope_scaling", { rope_scaling: { factor: 2 } }, "null or of type default"],
    ["rope_parameters", { rope_parameters: { rope_type: "yarn" } }, "null or of type default"],
    ["hidden_act", { hidden_act: "gelu" }, 'left out or "silu" or "swish"'],
    ["sliding_window", { sliding_window: 4 }, "use model_type mistral"],
    [
      "attention_bias",
      { model_type: "mistral", num_attention_heads: 8, attention_bias: true },
      "false for model_type mistral",
    ],
    ["quantization_config", { quantization_config: { bits: 4 } }, "left out"],
    ["partial_rotary_factor", { partial_rotary_factor: 0.5 }, "left out or 1"],
    ["final_logit_softcapping", { final_logit_softcapping: 30 }, "left out"],
    ["num_key_value_heads", { num_key_value_heads: 4 }, "a divisor of the 6 attention heads"],
    ["num_attention_heads", { num_attention_heads: 5 }, "add head_dim"],
    ["head_dim", { head_dim: 3 }, "even"],
    ["hidden_size", { hidden_size: -1 }, "an integer from 1 on"],
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

describe("generationConfigFrom()", () => {
  it("takes one end token or several, and falls back to the model's config", () => {
    expect(generationConfigFrom({ bos_token_id: 1, eos_token_id: [2, 7, 2] }, "g")).toEqual({
      bosTokenId: 1,
      eosTokenIds: [2, 7],
    });
    expect(generationConfigFrom({ bos_token_id: 1 }, "g", { bos_token_id: 5, eos_token_id: 3 })).toEqual({
      bosTokenId: 1,
      eosTokenIds: [3],
    });
    expect(generationConfigFrom({}, "g")).toEqual({ bosTokenId: null, eosTokenIds: [] });
    expect(() => generationConfigFrom({ eos_token_id: "</s>" }, "g")).toThrow(
      'Cannot use g: "eos_token_id" is "</s>" but must be a token id',
    );
    expect(() => generationConfigFrom(null, "g")).toThrow(ConfigError);
  });
});
