// The demo's world: prompts of the splits never meet, the rule tells answers apart, every word is one token.
import { writeFile } from "node:fs/promises";
import { createRandom } from "@dual-head/tensor-core";
import { loadTokenizer } from "@dual-head/tokenizer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inTemporaryFolder } from "../testing/folder.ts";
import { createTokenizerJson, drawCorpus, drawExchange, drawPreferences, drawPrompts, judge } from "./world.ts";

describe("the demo's world", () => {
  it("asks different questions in its two splits", () => {
    const train = new Set(
      drawPreferences(1, 400)
        .trim()
        .split("\n")
        .map((row) => (JSON.parse(row) as { chosen: string }).chosen.split("Assistant:")[0]),
    );
    for (const prompt of drawPrompts(1, 200)) expect(train.has(prompt.split("Assistant:")[0])).toBe(false);
  });

  it("judges its own answers as they were meant, and a mixture as unkind", () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom("train" as const, "held-out" as const), (seed, split) => {
        const { kind, rude } = drawExchange(createRandom(seed), split);
        expect(judge(kind).isKind).toBe(true);
        expect(judge(rude).isKind).toBe(false);
        expect(judge(kind + rude).isKind).toBe(false);
        expect(judge("").isKind).toBe(false);
      }),
      { seed: 19, numRuns: 200 },
    );
  });

  it("answers kindly and rudely in equal parts", () => {
    const kind = drawCorpus(3, 1000).filter((text) => judge(text.split("Assistant:")[1]!).isKind).length;
    expect(kind).toBeGreaterThan(440);
    expect(kind).toBeLessThan(560);
  });

  it("has a tokenizer that gives each word one token and any text back", async () => {
    await inTemporaryFolder(async (folder) => {
      await writeFile(`${folder}/tokenizer.json`, JSON.stringify(createTokenizerJson()));
      await writeFile(`${folder}/tokenizer_config.json`, JSON.stringify({ bos_token: "<s>", eos_token: "</s>" }));
      const tokenizer = await loadTokenizer(folder);
      const [text] = drawCorpus(5, 1);
      const words = text!.match(/\n|[ ]?[A-Za-z]+|[.:,]/g)!;
      expect(tokenizer.encode(text!).length).toBe(words.length + 1);
      fc.assert(
        fc.property(fc.string({ unit: "grapheme" }), (any) => {
          expect(tokenizer.decode(tokenizer.encode(any))).toBe(any);
        }),
        { seed: 23, numRuns: 100 },
      );
      expect(tokenizer.decode(tokenizer.encode(text!))).toBe(text);
    });
  });
});
