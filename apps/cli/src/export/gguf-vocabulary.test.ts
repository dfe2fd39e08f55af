// Vocabularies of GGUF from tokenizer.json, against those another program made of the same tokenizers; and refusals.
import { readdir, readFile } from "node:fs/promises";
import { ggufVocabularyOf, openCheckpoint } from "@dual-head/checkpoint";
import { sharedAsset } from "@dual-head/repo-tools";
import { describe, expect, it } from "vitest";
import { tinyTokenizerJson, tinyVocabSize } from "../testing/tiny-model.ts";
import { ggufVocabulary, type VocabularySource } from "./gguf-vocabulary.ts";

const llama2 = sharedAsset("tokenizers/llama2/hf_tokenizer.json");
const gpt2 = sharedAsset("tokenizers/gpt2");
const made = sharedAsset("tokenizers/llamacpp_vocab");
const parity = sharedAsset("hf_parity");

const sourceOf = (json: unknown, vocabSize: number, path = "tokenizer.json"): VocabularySource => {
  return { json, path, vocabSize, bosTokenId: 1, eosTokenId: 2, addBos: true, addEos: false, chatTemplate: null };
};

const fieldsOf = (json: unknown, vocabSize: number) => {
  const fields = ggufVocabulary(sourceOf(json, vocabSize));
  return new Map(Object.entries(fields).map(([key, value]) => [key, Object.values(value)[0] as unknown]));
};

async function vocabularyOf(name: string) {
  const checkpoint = await openCheckpoint(`${made}/${name}`);
  await checkpoint.close();
  return ggufVocabularyOf(checkpoint)!;
}

describe("ggufVocabulary()", () => {
  it.skipIf(llama2 === null || made === null)("gives sentencepiece's tokens, types and order of LLaMA 2", async () => {
    const expected = await vocabularyOf("ggml-vocab-llama-spm.gguf");
    const fields = fieldsOf(JSON.parse(await readFile(llama2!, "utf8")), 32000);
    // Where sentencepiece has no-break spaces, the file that was made of it has spaces.
    const plain = (tokens: readonly string[]) => tokens.map((token) => token.replaceAll("\u00a0", " "));
    expect(plain(fields.get("tokenizer.ggml.tokens") as readonly string[])).toEqual(plain(expected.tokens));
    expect(fields.get("tokenizer.ggml.token_type")).toEqual([...expected.tokenTypes!]);
    const scores = fields.get("tokenizer.ggml.scores") as readonly number[];
    // Sentencepiece numbers the pieces it makes by their place; characters are never joined, so theirs do not matter.
    const joined = expected.tokens.flatMap((text, id) =>
      expected.tokenTypes![id] === 1 && [...text].length > 1 ? [id] : [],
    );
    // By falling score of ours theirs never rises; a run of spaces is all that they leave open.
    const theirs = joined.toSorted((a, b) => scores[b]! - scores[a]!).map((id) => expected.scores![id]!);
    expect(theirs).toEqual(theirs.toSorted((a, b) => b - a));
    expect(new Set(joined.map((id) => scores[id])).size - new Set(theirs).size).toBe(1);
  });

  it.skipIf(gpt2 === null || made === null)("gives the tokens and merges of GPT-2", async () => {
    const expected = await vocabularyOf("ggml-vocab-gpt-2.gguf");
    const lines = (await readFile(`${gpt2}/merges.txt`, "utf8")).trim().split("\n").slice(1);
    const vocab = JSON.parse(await readFile(`${gpt2}/vocab.json`, "utf8")) as Record<string, number>;
    const end = "<|endoftext|>";
    const json = {
      added_tokens: [{ id: vocab[end], content: end, special: true, lstrip: false, rstrip: false, single_word: false }],
      normalizer: null,
      pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true },
      model: { type: "BPE", vocab, merges: lines },
    };
    const fields = fieldsOf(json, expected.tokens.length);
    expect(fields.get("tokenizer.ggml.pre")).toBe("gpt-2");
    expect(fields.get("tokenizer.ggml.tokens")).toEqual(expected.tokens);
    expect(fields.get("tokenizer.ggml.merges")).toEqual(expected.merges);
    expect(fields.get("tokenizer.ggml.token_type")).toEqual([...expected.tokenTypes!]);
  });

  it.skipIf(parity === null)(
    "takes those small tokenizers that have a counterpart, and names why not the others",
    async () => {
      const outcomes: Record<string, unknown> = {};
      for (const file of (await readdir(parity!)).filter((name) => name.endsWith("_tokenizer.json"))) {
        const json = JSON.parse(await readFile(`${parity}/${file}`, "utf8")) as { model: { vocab: object } };
        const name = file.replace(/^tiny_|_tokenizer\.json$/g, "");
        try {
          const fields = fieldsOf(json, Object.keys(json.model.vocab).length + 300);
          outcomes[name] = fields.get("tokenizer.ggml.pre");
        } catch (error) {
          outcomes[name] =
            /: (its|it|no merge|the pairs|a merge)\b/.exec((error as Error).message) === null ? error : "refused";
        }
      }
      const taken = Object.entries(outcomes).filter(([, outcome]) => outcome !== "refused");
      console.log(`GGUF vocabularies of ${Object.keys(outcomes).length} small tokenizers: ${JSON.stringify(taken)}`);
      expect(Object.fromEntries(taken)).toMatchObject({ bpe_bytelevel: "gpt-2", bpe_digits_bytelevel: "smollm" });
    },
  );

  it("refuses by name what has no counterpart", () => {
    const plain = tinyTokenizerJson() as { [key: string]: unknown; model: Record<string, unknown> };
    expect(fieldsOf(plain, tinyVocabSize).get("tokenizer.ggml.add_space_prefix")).toBe(true);
    const refused: readonly (readonly [Record<string, unknown>, string])[] = [
      [{ model: { ...plain.model, type: "Unigram" } }, 'its model is "Unigram"'],
      [{ model: { ...plain.model, dropout: 0.1 } }, "its dropout is 0.1"],
      [{ model: { ...plain.model, byte_fallback: false } }, "no bytes for unknown characters"],
      [{ model: { ...plain.model, ignore_merges: true } }, "ignores merges"],
      [
        {
          model: {
            ...plain.model,
            merges: [
              ["h", "e"],
              ["▁", "t"],
            ],
          },
        },
        "no merge makes",
      ],
      [{ model: { ...plain.model, merges: [["h", "q"]] } }, "makes no piece"],
      [{ normalizer: { type: "Lowercase" } }, "it prepares text by"],
      [{ pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: true } }, "it prepares"],
      [{ pre_tokenizer: { type: "ByteLevel", add_prefix_space: true }, normalizer: null }, "its pre-tokenizer is"],
      [{ added_tokens: [{ id: 0, content: "<unk>", special: true, rstrip: true }] }, "has rstrip"],
      [{ added_tokens: [{ id: 999, content: "<x>", special: true }] }, "has no row in the model"],
    ];
    for (const [change, reason] of refused) {
      expect(() => fieldsOf({ ...plain, ...change }, tinyVocabSize)).toThrow(reason);
      expect(() => fieldsOf({ ...plain, ...change }, tinyVocabSize)).toThrow("export a folder without --gguf");
    }
  });
});
