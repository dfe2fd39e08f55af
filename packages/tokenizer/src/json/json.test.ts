// Parts of tokenizer.json one by one against the ids and texts of the Rust library of its authors.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { byteCharacters } from "../algorithms/byte-pieces.ts";
import { createTokenizer, parseTokenizerConfig, TokenizerError } from "../index.ts";

interface Variant {
  readonly name: string;
  readonly change: Readonly<Record<string, unknown>>;
  /** Of a Unigram model, whether it has bytes; absent for the byte-level model. */
  readonly byteFallback?: boolean;
  readonly cases: readonly { readonly text: string; readonly ids: string; readonly decoded: string }[];
}

const golden: {
  readonly version: string;
  readonly unigram: readonly (readonly [string, number])[];
  readonly variants: readonly Variant[];
} = JSON.parse(readFileSync(new URL("./golden.test.json", import.meta.url), "utf8"));

const byteLevel = { type: "ByteLevel", add_prefix_space: false, use_regex: false };
const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);

function modelOf(byteFallback: boolean | undefined): Readonly<Record<string, unknown>> {
  if (byteFallback === undefined) {
    const vocab = Object.fromEntries(byteCharacters.map((character, byte) => [character, byte]));
    return { type: "BPE", vocab, merges: [] };
  }
  const vocab = [...golden.unigram, ...(byteFallback ? bytes.map((name) => [name, -12] as const) : [])];
  return { type: "Unigram", unk_id: 0, vocab, byte_fallback: byteFallback };
}

function create({ change, byteFallback }: Pick<Variant, "change" | "byteFallback">) {
  const model = modelOf(byteFallback);
  const json = { model, pre_tokenizer: byteLevel, decoder: byteLevel, ...change };
  return createTokenizer(json, parseTokenizerConfig({}), "");
}

describe(`parts of tokenizer.json as tokenizers ${golden.version} runs them`, () => {
  for (const variant of golden.variants) {
    it(`${variant.name}: ${variant.cases.length} texts`, () => {
      const tokenizer = create(variant);
      for (const { text, ids, decoded } of variant.cases) {
        expect([text, tokenizer.encode(text).join(" ")]).toEqual([text, ids]);
        const given = ids.split(" ").filter(Boolean).map(Number);
        expect(tokenizer.decode(given, { skipSpecialTokens: false })).toBe(decoded);
      }
    });
  }

  it("that are not known are refused by name", () => {
    for (const change of [
      { pre_tokenizer: { type: "UnicodeScripts" } },
      { pre_tokenizer: { type: "Split", pattern: { String: " " }, behavior: "Merged" } },
      { normalizer: { type: "Nmt" } },
      { normalizer: { type: "Precompiled", precompiled_charsmap: "AAAA" } },
      { normalizer: { type: "Precompiled", precompiled_charsmap: "?" } },
    ]) {
      expect(() => create({ change })).toThrow(TokenizerError);
    }
  });

  it("keep a byte order mark, also out of bytes", () => {
    expect(create({ change: {} }).decode([0xef, 0xbb, 0xbf, 0x61])).toBe("\ufeffa");
    const decoder = { type: "Sequence", decoders: [{ type: "ByteFallback" }, { type: "Fuse" }] };
    const tokenizer = create({ change: { decoder, pre_tokenizer: null }, byteFallback: true });
    expect(tokenizer.decode([0xef, 0xbb, 0xbf].map((byte) => golden.unigram.length + byte))).toBe("\ufeff");
  });
});
