// The learnt vocabulary: ids without a gap, a token to every merge, and texts come back as they were.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createTokenizer, parseTokenizerConfig } from "@dual-head/tokenizer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { shippedWeights } from "../backbones/shipped.ts";
import { learnBpe } from "./learn-bpe.ts";
import { createTokenizerJson, tokenizerConfigJson } from "./tokenizer-json.ts";

const seed = 17;
/** Two special tokens and the bytes. */
const baseCount = 2 + 256;

const textOf = (...parts: readonly string[]) => fc.string({ unit: fc.constantFrom(...parts), maxLength: 12 });
const textsOf = fc.array(
  fc.oneof(textOf("a", "b"), textOf("a", "b", "c"), textOf("a", "b", " ", "é", "<s>", "</s>", "\n\n", "1", "'s")),
  { minLength: 1, maxLength: 40 },
);

const idsOf = (json: Readonly<Record<string, unknown>>) =>
  Object.values((json["model"] as { readonly vocab: Readonly<Record<string, number>> }).vocab).sort((a, b) => a - b);

describe("learnBpe()", () => {
  it("never spells a symbol twice", () => {
    let merged = 0;
    fc.assert(
      fc.property(textsOf, fc.integer({ min: 1, max: 60 }), (texts, mergeCount) => {
        // Merges are global: counts of 2 let every pair be learnt.
        const words = texts.map((text) => ({ symbols: [...text.replaceAll(" ", "_")], count: 2 }));
        const merges = learnBpe(words, mergeCount);
        expect(merges.length).toBeLessThanOrEqual(mergeCount);
        expect(new Set(merges.map((pair) => pair.join(""))).size).toBe(merges.length);
        merged += merges.length;
      }),
      { seed, numRuns: 500 },
    );
    expect(merged).toBeGreaterThan(5000);
  });
});

describe("createTokenizerJson()", () => {
  it("gives ids without a gap, and texts back", () => {
    fc.assert(
      fc.property(textsOf, fc.integer({ min: 0, max: 60 }), (texts, more) => {
        const json = createTokenizerJson(texts, baseCount + more);
        const ids = idsOf(json);
        expect(ids).toEqual([...ids.keys()]);
        expect(ids.length).toBeGreaterThanOrEqual(baseCount);
        expect(ids.length).toBeLessThanOrEqual(baseCount + more);
        const text = JSON.stringify(json);
        const config = parseTokenizerConfig({ tokenizerConfig: tokenizerConfigJson(64) });
        const hash = createHash("sha256").update(text).digest("hex");
        const tokenizer = createTokenizer(JSON.parse(text), config, hash);
        expect(tokenizer.vocabSize).toBe(ids.length);
        for (const each of texts) {
          const plain = each.replace(/<\/?s>/g, "");
          expect(tokenizer.decode(tokenizer.encode(plain, { addSpecialTokens: false }))).toBe(plain);
        }
      }),
      { seed, numRuns: 200 },
    );
  });

  it("made the shipped vocabulary whole", async () => {
    const path = `${shippedWeights()}/backbones/s/tokenizer.json`;
    const ids = idsOf(JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>);
    expect(ids).toEqual(Array.from({ length: 2048 }, (_, id) => id));
  });
});
