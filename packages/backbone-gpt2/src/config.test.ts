// Configs that can be run, and those that must be refused rather than run wrongly.
import { ConfigError } from "@dual-head/backbone";
import { createAllocationRecord, measureAllocations } from "@dual-head/bytes/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gpt2ConfigFrom } from "./config.ts";
import { gpt2WeightNames } from "./params.ts";

const minimal = { model_type: "gpt2", n_embd: 24, n_layer: 3, n_head: 6, vocab_size: 23 };

describe("gpt2ConfigFrom()", () => {
  it("fills in what published configurations leave out", () => {
    expect(gpt2ConfigFrom(minimal)).toEqual({
      hiddenSize: 24,
      vocabSize: 23,
      maxTokens: 1024,
      layerCount: 3,
      headCount: 6,
      feedForwardSize: 96,
      normEpsilon: 1e-5,
      scaledScores: true,
      scoresByLayer: false,
      tiedEmbeddings: true,
    });
    const harmless = { resid_pdrop: 0.1, attn_pdrop: 0, summary_type: "cls_index", reorder_and_upcast_attn: true };
    expect(gpt2ConfigFrom({ ...minimal, ...harmless, n_inner: 7, n_ctx: 31 })).toMatchObject({
      feedForwardSize: 7,
      maxTokens: 31,
    });
  });

  it("lets the keys of published files pass, and no others", () => {
    const published = {
      ...{ ...minimal, architectures: ["GPT2LMHeadModel"], activation_function: "gelu_new", attn_pdrop: 0.1 },
      ...{ bos_token_id: 50256, embd_pdrop: 0.1, eos_token_id: 50256, initializer_range: 0.02, n_ctx: 1024 },
      ...{ layer_norm_epsilon: 1e-5, n_positions: 1024, resid_pdrop: 0.1, summary_activation: null },
      ...{
        summary_first_dropout: 0.1,
        summary_proj_to_labels: true,
        summary_type: "cls_index",
        summary_use_proj: true,
      },
      ...{ task_specific_params: { "text-generation": { do_sample: true, max_length: 50 } }, output_past: true },
      ...{ predict_special_tokens: true, gradient_checkpointing: false, hidden_size: minimal.n_embd },
    };
    expect(gpt2ConfigFrom(published)).toEqual(gpt2ConfigFrom(minimal));
    expect(() => gpt2ConfigFrom({ ...minimal, rotary_dim: 4 })).toThrow('"rotary_dim" is 4 but must be left out');
    expect(() => gpt2ConfigFrom({ ...minimal, hidden_size: 48 })).toThrow("left out or 24");
    const options = { ignoreConfigKeys: ["rotary_dim"] };
    expect(gpt2ConfigFrom({ ...minimal, rotary_dim: 4 }, "config.json", options)).toEqual(gpt2ConfigFrom(minimal));
  });

  const refused: readonly (readonly [string, Record<string, unknown>, string])[] = [
    ["model_type", { model_type: "gptj" }, "gpt2; other architectures"],
    ["n_embd", { n_embd: undefined }, '"n_embd" is missing but must be an integer'],
    ["n_head", { n_head: 5 }, "a divisor of n_embd 24"],
    ["n_layer", { n_layer: 1e9 }, "from 1 to 4096"],
    ["activation_function", { activation_function: "relu" }, "gelu_new"],
    ["add_cross_attention", { add_cross_attention: true }, "cross-attention is not supported"],
    ["quantization_config", { quantization_config: { bits: 4 } }, "left out"],
    ["layer_norm_epsilon", { layer_norm_epsilon: -1 }, "a positive number"],
  ];
  for (const [key, change, message] of refused) {
    it(`refuses ${JSON.stringify(change)} and names ${key}`, () => {
      const parse = () => gpt2ConfigFrom({ ...minimal, ...change }, "a/config.json");
      expect(parse).toThrow(message);
      try {
        parse();
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        expect((error as ConfigError).key).toBe(key);
      }
    });
  }

  it("throws only ConfigError whatever the JSON (seed 5)", () => {
    const check = (json: unknown) => {
      try {
        gpt2ConfigFrom(json);
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
      }
    };
    fc.assert(fc.property(fc.jsonValue(), check), { seed: 5, numRuns: 1000 });
  });

  it("gives a ConfigError, or a config that can be run, in little memory: 10,000 mutations (seed 6)", async () => {
    const whole = {
      ...minimal,
      n_inner: 48,
      n_ctx: 31,
      n_positions: 31,
      activation_function: "gelu_new",
      resid_pdrop: 0.1,
    };
    const odd = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom<unknown>(-1, 0, 0.5, 1, 2, 3, 24, 4097, 1e9, 2 ** 53, 1e300, "", "gpt2", true, null, [], {}),
    );
    const key = fc.constantFrom(...Object.keys(whole), "scale_attn_weights", "tie_word_embeddings", "hidden_size");
    const mutations = fc.array(fc.record({ key, remove: fc.boolean(), value: odd }), { minLength: 1, maxLength: 3 });
    const { most, add } = createAllocationRecord();
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(mutations, async (edits) => {
        const json: Record<string, unknown> = { ...whole };
        for (const { key: name, remove, value } of edits) {
          if (remove) delete json[name];
          else json[name] = value;
        }
        add(
          await measureAllocations(() => {
            try {
              const config = gpt2ConfigFrom(json);
              expect(config.hiddenSize % config.headCount).toBe(0);
              if (config.layerCount <= 24) gpt2WeightNames(config);
            } catch (error) {
              refused++;
              expect(error).toBeInstanceOf(ConfigError);
            }
          }),
        );
      }),
      { seed: 6, numRuns: 10_000 },
    );
    console.log(
      `GPT-2's config.json: ${refused} of 10000 damaged configs refused; buffers of up to ${most.largestBuffer} bytes, the heap grew by up to ${most.heapGrowth}`,
    );
    expect(refused).toBeGreaterThan(1000);
    expect(refused).toBeLessThan(9000);
    expect(most.largestBuffer).toBeLessThan(2 ** 20);
    expect(most.heapGrowth).toBeLessThan(2 ** 21);
  });
});
