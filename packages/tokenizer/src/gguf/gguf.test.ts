// Vocabularies of GGUF files as plain data: against tokenizer.json of the same vocabularies, laws, and damage.
// Real files are read, and compared with llama.cpp, where a reader is at hand: in the tests of the command line.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { countVectors, sharedAsset } from "@dual-head/repo-tools";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byteCharacters } from "../algorithms/byte-pieces.ts";
import {
  createTokenizer,
  type GgufVocabularyData,
  parseTokenizerConfig,
  type Tokenizer,
  TokenizerError,
  tokenizerFromGguf,
} from "../index.ts";
import { damagedData, exerciseTokenizer } from "../testing/damage.ts";
import type { GoldenCase } from "../testing/golden-cases.ts";
import { tinyTokenizerJson, tokenizerLaws } from "../testing/index.ts";

const load = (data: GgufVocabularyData): Tokenizer => tokenizerFromGguf(data, { path: "a.gguf", sha256: "hash" });

interface BpeJson {
  readonly model: { readonly vocab: Record<string, number>; readonly merges: readonly (string | readonly string[])[] };
  readonly added_tokens: readonly { readonly id: number; readonly content: string; readonly special: boolean }[];
}

/** The vocabulary of a byte-level tokenizer.json as GGUF writes it. */
function toGguf({ model, added_tokens }: BpeJson, pre: string): GgufVocabularyData {
  const tokens: string[] = [];
  const tokenTypes: number[] = [];
  for (const [token, id] of Object.entries(model.vocab)) {
    tokens[id] = token;
    tokenTypes[id] = 1;
  }
  for (const { id, content, special } of added_tokens) {
    tokens[id] = content;
    tokenTypes[id] = special ? 3 : 4;
  }
  const merges = model.merges.map((merge) => (typeof merge === "string" ? merge : merge.join(" ")));
  return { model: "gpt2", pre, tokens, tokenTypes, merges, addBosToken: false };
}

/** Which family of tokenizer.json cuts words as which name of GGUF. */
const familyNames: Readonly<Record<string, string>> = {
  byte_level: "gpt-2",
  digits_bytelevel: "smollm",
  falcon_seq: "falcon",
  split_cl100k: "llama-bpe",
  split_deepseek: "deepseek-coder",
  split_o200k: "gpt-4o",
  split_o200k_harmony: "gpt-4o",
  split_qwen2: "qwen2",
  split_qwen35: "qwen35",
  split_qwen35_ascii: "qwen35",
};

const parity = sharedAsset("hf_parity");
describe.skipIf(parity === null)("families of byte-level BPE", () => {
  const vectors = countVectors("transformers' ids and texts, GGUF vocabularies of the families");
  const families = parity === null ? {} : JSON.parse(readFileSync(join(parity, "hf_tokenizer_cases.json"), "utf8"));
  for (const [family, pre] of Object.entries(familyNames)) {
    const { tokenizer: file = "", cases = [] } = families[family] ?? {};
    if (parity === null || !existsSync(join(parity, file))) continue;
    const json = JSON.parse(readFileSync(join(parity, file), "utf8"));
    it(`${family} as ${pre}: ${cases.length} texts have the expected ids and come back as expected`, () => {
      const tokenizer = load(toGguf(json, pre));
      for (const { text, ids, decoded } of vectors.each<GoldenCase>(cases)) {
        expect([text, ...tokenizer.encode(text, { allowSpecial: true })]).toEqual([text, ...ids]);
        expect(tokenizer.decode(ids)).toBe(decoded);
      }
    });
    it(`${family} as ${pre}: any text has the ids that tokenizer.json gives`, () => {
      const tokenizer = load(toGguf(json, pre));
      const other = createTokenizer(json, parseTokenizerConfig({}), "");
      const unit = fc.oneof(
        fc.constantFrom(
          " ",
          "\n",
          "\r\n",
          "'s",
          "'LL",
          "12345",
          "\u0085",
          "\u3000",
          "\u00e9",
          "e\u0301",
          "\u4f60\u597d",
        ),
        fc.string({ unit: "grapheme", maxLength: 5 }),
        fc.string({ maxLength: 5 }),
      );
      fc.assert(
        fc.property(fc.array(unit), (units) => {
          const text = units.join("");
          expect([text, ...tokenizer.encode(text)]).toEqual([text, ...other.encode(text)]);
        }),
        { seed: 101, numRuns: 200 },
      );
    });
    tokenizerLaws(`${family} as ${pre}`, () => load(toGguf(json, pre)), { lossless: true, numRuns: 20 });
  }
});

const special = ["<|begin|>", "<|im_end|>"];
const joined = ["th", "the", "\u0120the", "an", "\u0120c"];
const byteLevel: GgufVocabularyData = {
  model: "gpt2",
  pre: "smollm",
  tokens: [...byteCharacters, ...joined, ...special, "<tool>"],
  tokenTypes: [...byteCharacters.map(() => 1), ...joined.map(() => 1), ...special.map(() => 3), 4],
  merges: ["t h", "th e", "\u0120 the", "a n", "\u0120 c"],
  bosTokenId: 261,
  chatTemplate: "{{ bos_token }}{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}",
};
const tinyVocabulary = Object.keys((tinyTokenizerJson().model as { vocab: object }).vocab);
const spm: GgufVocabularyData = {
  model: "llama",
  tokens: tinyVocabulary,
  scores: tinyVocabulary.map((_, id) => -id),
  tokenTypes: tinyVocabulary.map((token, id) => (id === 0 ? 2 : id < 3 ? 3 : token.startsWith("<0x") ? 6 : 1)),
};

tokenizerLaws("a tiny byte-level vocabulary", () => load(byteLevel), { lossless: true });
tokenizerLaws("a tiny sentencepiece vocabulary", () => load(spm), { lossless: true });
tokenizerLaws("one without a space in front", () => load({ ...spm, addSpacePrefix: false }), { lossless: true });

describe("tokenizerFromGguf()", () => {
  it("gives a sentencepiece vocabulary the ids of its tokenizer.json", () => {
    const json = createTokenizer(tinyTokenizerJson(), parseTokenizerConfig({}), "");
    const text = fc.string({ unit: fc.constantFrom("t", "h", "e", " ", "a", "n", "d", "c", "\u00e9", "<", "\n") });
    fc.assert(
      fc.property(text, (given) => {
        expect([...load(spm).encode(given)]).toEqual([...json.encode(given)]);
      }),
      { seed: 102, numRuns: 200 },
    );
  });

  it("frames texts as the file says, or as its kind of vocabulary does", () => {
    expect([...load(byteLevel).encode("the")]).toEqual([257]);
    expect([...load({ ...byteLevel, pre: "llama-bpe" }).encode("the")]).toEqual([261, 257]);
    expect([...load({ ...byteLevel, addBosToken: true, addEosToken: true, eosTokenId: 262 }).encode("the")]).toEqual([
      261, 257, 262,
    ]);
    expect(load(spm)).toMatchObject({ bosToken: 1, eosTokens: [2] });
    expect([...load({ ...spm, addBosToken: false }).encode("")]).toEqual([]);
  });

  it("knows what ends a turn, also where the file names only the end of texts", () => {
    expect(load({ ...byteLevel, eosTokenId: 0 }).eosTokens).toEqual([0, 262]);
    expect(load({ ...byteLevel, eotTokenId: 256 }).eosTokens).toEqual([256, 262]);
    expect(load(byteLevel).config).toMatchObject({ bosToken: "<|begin|>", chatTemplate: byteLevel.chatTemplate });
  });

  it("always reads tokens of users, and control tokens only when told to", () => {
    expect([...load(byteLevel).encode("a<tool>a")]).toEqual([97, 263, 97]);
    expect([...load(byteLevel).encode("<|im_end|>")]).not.toContain(262);
    expect([...load(byteLevel).encode("<|im_end|>", { allowSpecial: true })]).toEqual([262]);
  });

  it("takes a whole tokenizer.json where the model is of another kind, and else says which are known", () => {
    const huggingfaceJson = JSON.stringify(tinyTokenizerJson());
    expect(load({ ...spm, model: "bert", huggingfaceJson }).vocabSize).toBe(298);
    expect(() => load({ ...spm, model: "bert" })).toThrow(/tokenizer.ggml.model is "bert"/);
    expect(() => load({ ...byteLevel, pre: "nobody's" })).toThrow(/must be one of default, gpt-2/);
  });

  it("gives typed errors or a working tokenizer for 10,000 damaged vocabularies", () => {
    const few = spm.tokens.flatMap((_, id) => (id < 6 || id > 258 ? [id] : []));
    const pick = <Value>(list: ArrayLike<Value>): Value[] => few.map((id) => list[id]!);
    const small = { ...spm, tokens: pick(spm.tokens), scores: pick(spm.scores!), tokenTypes: pick(spm.tokenTypes!) };
    const whole = { pre: null, merges: null, bosTokenId: 1, eosTokenId: 2, unknownTokenId: 0, chatTemplate: "x" };
    const letters = byteLevel.tokens.slice(0, 30).concat(byteLevel.tokens.slice(256));
    const bytes = { ...byteLevel, tokens: letters, tokenTypes: letters.map(() => 1), bosTokenId: 1, eosTokenId: 2 };
    let refused = 0;
    fc.assert(
      fc.property(fc.oneof(damagedData({ ...whole, ...small }), damagedData(bytes)), (damaged) => {
        try {
          exerciseTokenizer(load(damaged as GgufVocabularyData));
        } catch (error) {
          if (!(error instanceof TokenizerError)) throw error;
          refused++;
        }
      }),
      { seed: 103, numRuns: 10_000 },
    );
    expect(refused).toBeGreaterThan(2_000);
  });
});
