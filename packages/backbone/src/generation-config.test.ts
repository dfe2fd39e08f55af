// Token ids of generation configs, and what they ask for that nobody would do.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "./config-error.ts";
import { generationConfigFrom } from "./generation-config.ts";

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

  it("refuses what would forbid or force tokens, and lets sampling options pass", () => {
    const options = { temperature: 0.6, top_p: 0.9, do_sample: true, max_length: 20, guidance_scale: 1 };
    expect(generationConfigFrom({ ...options, suppress_tokens: [], eos_token_id: 2 }, "g").eosTokenIds).toEqual([2]);
    for (const [key, value] of Object.entries({
      suppress_tokens: [5],
      begin_suppress_tokens: [220],
      bad_words_ids: [[3]],
      forced_bos_token_id: 0,
      forced_eos_token_id: 2,
      sequence_bias: { "[1]": 2 },
      guidance_scale: 3,
    })) {
      expect(() => generationConfigFrom({ [key]: value }, "g")).toThrow(
        `Cannot use g: "${key}" is ${JSON.stringify(value)} but must be left out`,
      );
    }
  });

  it("throws only ConfigError whatever the JSON (seed 6)", () => {
    const keys = fc.constantFrom("bos_token_id", "eos_token_id", "suppress_tokens", "guidance_scale", "other");
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.dictionary(keys, fc.jsonValue())), (json) => {
        try {
          expect(generationConfigFrom(json, "g").eosTokenIds.every(Number.isSafeInteger)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
      { seed: 6, numRuns: 300 },
    );
  });
});
