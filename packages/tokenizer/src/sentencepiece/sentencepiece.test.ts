// Sentencepiece models against the ids and texts of sentencepiece itself, real vocabularies, laws, and damaged files.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { countVectors, sharedAsset } from "@dual-head/repo-tools";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSentencepieceTokenizer, parseTokenizerConfig, type Tokenizer, TokenizerError } from "../index.ts";
import { damagedBytes, exerciseTokenizer } from "../testing/damage.ts";
import type { GoldenCase, GoldenTest } from "../testing/golden-cases.ts";
import { tokenizerLaws } from "../testing/index.ts";
import { readVocabularyCases } from "../testing/vocabulary-cases.ts";
import { readProtobuf } from "./protobuf.ts";

const load = (bytes: Uint8Array, tokenizerConfig: unknown = {}): Tokenizer =>
  createSentencepieceTokenizer(bytes, parseTokenizerConfig({ tokenizerConfig }), "hash");
const idsOf = (tokenizer: Tokenizer, text: string): string =>
  tokenizer.encode(text, { addSpecialTokens: false }).join(" ");

interface GoldenModel {
  readonly algorithm: string;
  readonly addDummyPrefix: boolean;
  readonly removeExtraWhitespaces: boolean;
  readonly userDefined: readonly string[];
  readonly whitespaceAsSuffix: boolean;
  readonly byteFallback: boolean;
  readonly model: string;
  readonly cases: readonly { readonly text: string; readonly ids: string; readonly decoded: string }[];
}

const golden: { readonly version: string; readonly models: readonly GoldenModel[] } = JSON.parse(
  readFileSync(new URL("./golden.test.json", import.meta.url), "utf8"),
);

describe(`models trained by sentencepiece ${golden.version}, with a compiled charsmap`, () => {
  const vectors = countVectors("sentencepiece's ids and texts, small models");
  golden.models.forEach((model, index) => {
    const options = Object.entries(model).flatMap(([key, value]) => (value === true ? [key] : []));
    const name = `${index}, ${model.algorithm} ${[...options, ...model.userDefined].join(" ")}`;
    const bytes = Buffer.from(model.model, "base64");
    it(`${name}: ${model.cases.length} texts have its ids and its text`, () => {
      const tokenizer = load(bytes);
      for (const { text, ids, decoded } of vectors.each(model.cases)) {
        expect([text, idsOf(tokenizer, text)]).toEqual([text, ids]);
        expect(tokenizer.decode(ids.split(" ").filter(Boolean).map(Number))).toBe(decoded);
      }
    });
    tokenizerLaws(name, () => load(bytes), { lossless: false, numRuns: 40 });
  });
});

const parity = sharedAsset("hf_parity");
describe.skipIf(parity === null)("sentencepiece families", () => {
  const vectors = countVectors("transformers' ids and texts, sentencepiece models of the families");
  const families = parity === null ? {} : JSON.parse(readFileSync(join(parity, "hf_tokenizer_cases.json"), "utf8"));
  for (const family of ["spm_model", "spm_bytefallback", "spm_bpe_model"]) {
    const { tokenizer: file = "", cases = [] } = families[family] ?? {};
    it(`${family}: ${cases.length} texts have the expected ids and come back as expected`, () => {
      const tokenizer = load(readFileSync(join(parity!, file)));
      for (const { text, ids, decoded } of vectors.each<GoldenCase>(cases)) {
        expect([text, idsOf(tokenizer, text)]).toEqual([text, ids.join(" ")]);
        expect(tokenizer.decode(ids)).toBe(decoded);
      }
    });
    if (parity === null) continue;
    tokenizerLaws(family, () => load(readFileSync(join(parity, file))), { lossless: false, numRuns: 30 });
  }
});

const folder = sharedAsset("tokenizers");
describe.skipIf(folder === null)("LLaMA 2's tokenizer.model", () => {
  if (folder === null) return;
  const tokenizer = load(readFileSync(join(folder, "llama2/tokenizer.model")));
  const goldenCount = countVectors("transformers' ids and texts, LLaMA 2's tokenizer.model");
  const texts47 = countVectors("llama.cpp's texts, LLaMA 2's tokenizer.model");
  tokenizerLaws("LLaMA 2", () => tokenizer, { lossless: true, numRuns: 20 });

  it("agrees with transformers on its 18 test texts and a long one", () => {
    const texts = JSON.parse(readFileSync(join(folder, "hf_swift_golden/tokenizer_tests.json"), "utf8"));
    const cases = texts["coreml-projects/Llama-2-7b-chat-coreml"];
    expect(cases.length).toBe(18);
    for (const { input, encoded, decoded_with_special, decoded_without_special } of goldenCount.each<GoldenTest>(
      cases,
    )) {
      expect([...tokenizer.encode(input)]).toEqual(encoded.input_ids);
      expect(tokenizer.decode(encoded.input_ids, { skipSpecialTokens: false })).toBe(decoded_with_special);
      expect(tokenizer.decode(encoded.input_ids)).toBe(decoded_without_special);
    }
    const long = JSON.parse(readFileSync(join(folder, "hf_swift_golden/llama_encoded.json"), "utf8"));
    const passed = goldenCount.begin(1);
    expect([...tokenizer.encode(long.text)]).toEqual(long.token_ids);
    passed();
  });

  it("agrees with llama.cpp on its 47 texts", () => {
    const vocabulary = join(folder, "llamacpp_vocab/ggml-vocab-llama-spm.gguf");
    const cases = readVocabularyCases(`${vocabulary}.out`, `${vocabulary}.inp`);
    expect(cases.length).toBe(47);
    for (const { text, ids } of texts47.each(cases)) {
      expect([text, idsOf(tokenizer, text)]).toEqual([text, ids.join(" ")]);
      expect(tokenizer.decode(ids)).toBe(text);
    }
  });
});

describe.skipIf(folder === null)("Mistral's tokenizer.model", () => {
  if (folder === null) return;
  const versions = { v1: "tokenizer.model.v1", v2: "mistral_instruct_tokenizer_240216.model.v2" } as const;
  const mistral = Object.entries(versions).map(([version, file]) => {
    return [version, load(readFileSync(join(folder, "mistral", file)))] as const;
  });
  for (const [version, tokenizer] of mistral) {
    tokenizerLaws(`Mistral ${version}`, () => tokenizer, { lossless: true, numRuns: 20 });
  }

  const vectors = countVectors("sentencepiece's ids, Mistral's tokenizer.model");
  it("gives version 2 the ids of version 1, moved by its 768 control tokens", () => {
    const [first, second] = mistral.map(([, tokenizer]) => tokenizer);
    const { texts } = JSON.parse(readFileSync(new URL("./mistral.test.json", import.meta.url), "utf8"));
    for (const [text, ids] of vectors.each<readonly [string, string]>(texts)) {
      expect([text, idsOf(first!, text)]).toEqual([text, ids]);
      const moved = ids
        .split(" ")
        .filter(Boolean)
        .map((id: string) => String(Number(id) + 768));
      expect(idsOf(second!, text)).toBe(moved.join(" "));
    }
  });

  it("reads [INST] as a control token only when told to", () => {
    const tokenizer = mistral[1]![1];
    expect([...tokenizer.encode("[INST]", { allowSpecial: true })]).toEqual([1, 3]);
    expect([...tokenizer.encode("[INST]")]).not.toContain(3);
  });
});

/** A model with its first pieces alone: little enough that damage often meets what matters. */
function firstPieces(model: Uint8Array, count: number): Uint8Array {
  const parts: number[][] = [];
  let pieces = 0;
  for (const { number, value } of readProtobuf(model)) {
    if (typeof value === "number" || (number === 1 && ++pieces > count)) continue;
    const length = value.length < 128 ? [value.length] : [(value.length & 127) | 128, value.length >> 7];
    parts.push([(number << 3) | 2, ...length, ...value]);
  }
  return Uint8Array.from(parts.flat());
}

describe("createSentencepieceTokenizer()", () => {
  const bytes = Buffer.from(golden.models[1]!.model, "base64");
  it("frames texts as the config says, or else with bos alone", () => {
    const plain = load(bytes).encode("the", { addSpecialTokens: false });
    expect([...load(bytes).encode("the")]).toEqual([1, ...plain]);
    expect([...load(bytes, { add_bos_token: false, add_eos_token: true }).encode("the")]).toEqual([...plain, 2]);
  });

  it("takes tokens that only the config adds", () => {
    const tokenizer = load(bytes, {
      added_tokens_decoder: { 400: { content: "<|end|>", special: true }, 401: { content: "<think>" } },
    });
    expect(tokenizer.vocabSize).toBe(402);
    expect([...tokenizer.encode("the<|end|>", { allowSpecial: true })]).toContain(400);
    expect([...tokenizer.encode("<|end|>")]).not.toContain(400);
    expect([...tokenizer.encode("the<think>")]).toContain(401);
    expect(tokenizer.tokenText(400)).toBe("<|end|>");
  });

  it("gives typed errors or a working tokenizer for 10,000 damaged files", () => {
    const models = [2, 3, 5].map((index) => firstPieces(Buffer.from(golden.models[index]!.model, "base64"), 30));
    let refused = 0;
    fc.assert(
      fc.property(fc.constantFrom(...models).chain(damagedBytes), (damaged) => {
        try {
          exerciseTokenizer(load(damaged));
        } catch (error) {
          if (!(error instanceof TokenizerError)) throw error;
          refused++;
        }
      }),
      { seed: 91, numRuns: 10_000 },
    );
    expect(refused).toBeGreaterThan(2_000);
    expect(refused).toBeLessThan(9_900);
  });

  it("never allocates by what a file claims", () => {
    // A piece, and a charsmap, that claim four gigabytes.
    for (const claim of [
      [0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
      [0x1a, 0x06, 0x12, 0x04, 0xff, 0xff, 0xff, 0xff],
    ]) {
      expect(() => load(Uint8Array.from([...bytes, ...claim]))).toThrow(TokenizerError);
    }
  });
});
