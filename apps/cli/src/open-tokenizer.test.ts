// Tokenizers of model files: real GGUF vocabularies against llama.cpp's own cases, and what lies beside other files.
import { readFile, writeFile } from "node:fs/promises";
import { writeGguf } from "@dual-head/checkpoint";
import { sharedAsset } from "@dual-head/repo-tools";
import { loadTokenizer } from "@dual-head/tokenizer";
import { tinyTokenizerJson, tokenizerLaws } from "@dual-head/tokenizer/testing";
import { describe, expect, it } from "vitest";
import { openTokenizer } from "./open-tokenizer.ts";
import { inTemporaryFolder } from "./testing/folder.ts";

const separator = "\n__ggml_vocab_test__\n";
const vocabularies = sharedAsset("tokenizers/llamacpp_vocab");

/** Cases of llama.cpp that cannot be run here, and why. */
const notApplicable: Readonly<Record<string, string>> = {
  "llama-bpe": "expected ids alone: the vocabulary of LLaMA 3 is not among the assets",
  smollm: "expected ids alone: the vocabulary is not among the assets",
  tekken: "expected ids alone: the vocabulary is not among the assets",
};

describe.skipIf(vocabularies === null)("vocabularies of llama.cpp", () => {
  if (vocabularies === null) return;
  const names = ["gpt-2", "llama-spm", "phi-3"].map((name) => `ggml-vocab-${name}.gguf`);
  for (const name of names) {
    const path = `${vocabularies}/${name}`;
    it(`${name}: 47 texts have its ids and come back`, async () => {
      const tokenizer = (await openTokenizer(path))!;
      const texts = (await readFile(`${path}.inp`, "utf8")).split(separator);
      const lines = (await readFile(`${path}.out`, "utf8")).split("\n");
      expect(texts.length).toBe(47);
      texts.forEach((text, index) => {
        const ids = lines[index]!.split(" ").filter(Boolean).map(Number);
        expect([text, ...tokenizer.encode(text, { addSpecialTokens: false })]).toEqual([text, ...ids]);
        expect(tokenizer.decode(ids)).toBe(text);
        const stream = tokenizer.createStream();
        expect(ids.map((id) => stream.push(id)).join("") + stream.flush()).toBe(text);
      });
    });
    tokenizerLaws(name, async () => (await openTokenizer(path))!, { lossless: true, numRuns: 10 });
  }
  for (const [name, reason] of Object.entries(notApplicable)) it.skip(`${name}, 47 texts: ${reason}`);
});

describe("openTokenizer()", () => {
  it("finds the tokenizer beside a file of weights, and none where there is none", async () => {
    await inTemporaryFolder(async (folder) => {
      const weights = `${folder}/model.safetensors`;
      await writeFile(weights, Uint8Array.from([2, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d]));
      expect(await openTokenizer(weights)).toBeNull();
      await writeFile(`${folder}/tokenizer.json`, JSON.stringify(tinyTokenizerJson()));
      const beside = await openTokenizer(weights);
      expect(beside?.description).toBe(`${folder}/tokenizer.json, tokenizer.json BPE of 298 tokens`);
    });
  });

  it("reads the vocabulary of a GGUF file and hashes it alone", async () => {
    const tokens = Object.keys((tinyTokenizerJson().model as { vocab: object }).vocab);
    const types = tokens.map((token, id) => (id === 0 ? 2 : id < 3 ? 3 : token.startsWith("<0x") ? 6 : 1));
    const fields = {
      "general.architecture": { string: "llama" },
      "tokenizer.ggml.model": { string: "llama" },
      "tokenizer.ggml.tokens": { strings: tokens },
      "tokenizer.ggml.scores": { f32s: tokens.map((_, id) => -id) },
      "tokenizer.ggml.token_type": { i32s: types },
    };
    await inTemporaryFolder(async (folder) => {
      await writeGguf(`${folder}/a.gguf`, fields, []);
      await writeGguf(`${folder}/b.gguf`, { ...fields, "general.name": { string: "other" } }, []);
      await writeFile(`${folder}/tiny.json`, JSON.stringify(tinyTokenizerJson()));
      const [a, b] = [await openTokenizer(`${folder}/a.gguf`), await openTokenizer(`${folder}/b.gguf`)];
      const json = await loadTokenizer(`${folder}/tiny.json`);
      expect([...a!.encode("the cat and <s>\n")]).toEqual([...json.encode("the cat and <s>\n")]);
      expect(a!.sha256).toBe(b!.sha256);
      expect(a!.description).toMatch(/a\.gguf, GGUF sentencepiece BPE of 298 tokens$/);
    });
  });
});
