// Real vocabularies against ids and texts that other implementations gave for them.
// What cannot be run here is skipped and counted, each with its reason; other formats have tests of their own.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { countVectors, sharedAsset } from "@dual-head/repo-tools";
import { describe, expect, it } from "vitest";
import {
  createTokenizer,
  loadTokenizer,
  parseTokenizerConfig,
  type Tokenizer,
  type TokenizerConfigFiles,
} from "./index.ts";
import { createLibraryTokenizer } from "./json/library.ts";
import { parseTokenizerJson } from "./json/tokenizer-json.ts";
import type { GoldenCase, GoldenTest } from "./testing/golden-cases.ts";
import { tokenizerLaws } from "./testing/index.ts";
import { readVocabularyCases } from "./testing/vocabulary-cases.ts";

/** Large vocabularies take long to check and index, so the tests of one share it. */
function once<Value>(create: () => Value): () => Value {
  let made: { readonly value: Value } | null = null;
  return () => {
    made ??= { value: create() };
    return made.value;
  };
}

const readJsonFile = (path: string) => JSON.parse(readFileSync(path, "utf8"));
const fromFile = (path: string, files: TokenizerConfigFiles = {}): Tokenizer =>
  createTokenizer(readJsonFile(path), parseTokenizerConfig(files, path), "");

const parity = sharedAsset("hf_parity");
describe.skipIf(parity === null)("tokenizer families", () => {
  const vectors = countVectors("transformers' ids and texts, tokenizer.json of the families");
  const families: Readonly<Record<string, { tokenizer: string; cases: readonly GoldenCase[] }>> =
    parity === null ? {} : readJsonFile(join(parity, "hf_tokenizer_cases.json"));
  for (const [family, { tokenizer: file, cases }] of Object.entries(families)) {
    if (!file.endsWith(".json")) continue;
    if (!existsSync(join(parity!, file))) {
      it.skip(`${family}, ${cases.length} texts: ${file} is not among the assets`);
      continue;
    }
    it(`${family}: ${cases.length} texts have the expected ids and come back as expected`, () => {
      const tokenizer = fromFile(join(parity!, file));
      for (const { text, ids, decoded } of vectors.each(cases)) {
        const encoded = [...tokenizer.encode(text, { allowSpecial: true })];
        expect([text, encoded]).toEqual([text, ids]);
        expect(tokenizer.decode(ids)).toBe(decoded);
        const stream = tokenizer.createStream();
        expect(ids.map((id) => stream.push(id)).join("") + stream.flush()).toBe(decoded);
        const plain = ![...tokenizer.specialTokens.keys()].some((special) => text.includes(special));
        if (plain) expect([...tokenizer.encode(text)]).toEqual(ids);
      }
    });
  }
  for (const [family, { tokenizer: file }] of Object.entries(families)) {
    if (!file.endsWith(".json") || !existsSync(join(parity!, file))) continue;
    tokenizerLaws(family, () => fromFile(join(parity!, file)), { lossless: false, numRuns: 30 });
  }
});

const stories = sharedAsset("models/stories260K/hf");
const expected = sharedAsset("ref/stories260K_expected.json");
describe.skipIf(stories === null)("stories260K", () => {
  if (stories === null) return;
  tokenizerLaws("stories260K", () => loadTokenizer(stories), { lossless: true });

  it("knows its special tokens from all files", async () => {
    expect(await loadTokenizer(stories)).toMatchObject({ vocabSize: 512, bosToken: 1, eosTokens: [2, 1] });
  });

  it.skipIf(expected === null)("encodes its own story and gives it back, also token by token", async () => {
    const tokenizer = await loadTokenizer(stories);
    const story: string = readJsonFile(expected!).expected_stdout;
    const ids = tokenizer.encode(story);
    // llama2.c printed 200 steps, of which the first reads the beginning of text.
    expect([ids[0], tokenizer.decode(ids)]).toEqual([1, story]);
    expect([...ids.slice(1)].map(tokenizer.tokenText).join("")).toBe(` ${story}`);
  });
});

// The copy in llama2/ has its no-break spaces turned into spaces, so this one of the same vocabulary is used.
const llama = sharedAsset("tokenizers/hf_swift_golden/llama_tokenizer.json");
describe.skipIf(llama === null)("LLaMA 2", () => {
  if (llama === null) return;
  const folder = sharedAsset("tokenizers")!;
  const golden = countVectors("transformers' ids and texts, LLaMA 2's tokenizer.json");
  const texts47 = countVectors("llama.cpp's texts, LLaMA 2's tokenizer.json");
  const create = once(() =>
    fromFile(llama, {
      tokenizerConfig: readJsonFile(join(folder, "llama2/hf_tokenizer_config.json")),
      specialTokensMap: readJsonFile(join(folder, "llama2/hf_special_tokens_map.json")),
    }),
  );
  tokenizerLaws("LLaMA 2", create, { lossless: true, numRuns: 20 });

  it("agrees with transformers on its own test texts", () => {
    const tokenizer = create();
    const cases = readJsonFile(join(folder, "hf_swift_golden/tokenizer_tests.json"))[
      "coreml-projects/Llama-2-7b-chat-coreml"
    ];
    for (const { input, encoded, decoded_with_special, decoded_without_special } of golden.each<GoldenTest>(cases)) {
      expect([...tokenizer.encode(input)]).toEqual(encoded.input_ids);
      expect(tokenizer.decode(encoded.input_ids, { skipSpecialTokens: false })).toBe(decoded_with_special);
      expect(tokenizer.decode(encoded.input_ids)).toBe(decoded_without_special);
    }
    for (const long of golden.each([readJsonFile(join(folder, "hf_swift_golden/llama_encoded.json"))])) {
      expect([...tokenizer.encode(long.text)]).toEqual(long.token_ids);
    }
  });

  it("agrees with llama.cpp on its texts", () => {
    const tokenizer = create();
    const vocabulary = join(folder, "llamacpp_vocab/ggml-vocab-llama-spm.gguf");
    for (const { text, ids } of texts47.each(readVocabularyCases(`${vocabulary}.out`, `${vocabulary}.inp`))) {
      expect([text, [...tokenizer.encode(text, { addSpecialTokens: false })]]).toEqual([text, ids]);
    }
  });

  const transcripts = sharedAsset("data/hh-rlhf/harmless-base.test.jsonl.gz");
  it.skipIf(transcripts === null)("encodes transcripts word by word exactly as in one go", () => {
    const lines = gunzipSync(readFileSync(transcripts!)).toString().split("\n").slice(0, 101);
    for (const path of [llama, ...(stories === null ? [] : [join(stories, "tokenizer.json")])]) {
      const tokenizer = fromFile(path);
      const whole = createLibraryTokenizer(parseTokenizerJson(readJsonFile(path), parseTokenizerConfig({})));
      for (const line of lines) {
        const text: string = line === "" ? "" : JSON.parse(line).chosen;
        const ids = [...tokenizer.encode(text, { addSpecialTokens: false })];
        expect(ids).toEqual(text === "" ? [] : whole.encode(text, { add_special_tokens: false }).ids);
        expect(tokenizer.decode(ids)).toBe(text);
      }
    }
  });
});

const gpt2 = sharedAsset("tokenizers/gpt2/vocab.json");
describe.skipIf(gpt2 === null)("GPT-2, from vocab.json and merges.txt", () => {
  if (gpt2 === null) return;
  const folder = sharedAsset("tokenizers")!;
  const golden = countVectors("transformers' ids and texts, GPT-2's vocab.json");
  const texts47 = countVectors("llama.cpp's texts, GPT-2's vocab.json");
  const create = (tokenizerConfig: unknown = {}): Tokenizer => {
    const merges = readFileSync(join(folder, "gpt2/merges.txt"), "utf8").split("\n").slice(1);
    const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
    const json = {
      model: { type: "BPE", vocab: readJsonFile(gpt2), merges: merges.filter((line) => line !== "") },
      pre_tokenizer: byteLevel,
      decoder: byteLevel,
      added_tokens: [{ id: 50256, content: "<|endoftext|>", special: true, normalized: false }],
    };
    return createTokenizer(json, parseTokenizerConfig({ tokenizerConfig }), "");
  };
  const plain = once(create);
  tokenizerLaws("GPT-2", plain, { lossless: true, numRuns: 20 });

  it("agrees with transformers, whose GPT-2 cleans up spaces", () => {
    const tokenizer = create({ clean_up_tokenization_spaces: true });
    const suites: Readonly<Record<string, readonly GoldenTest[]>> = readJsonFile(
      join(folder, "hf_swift_golden/tokenizer_tests.json"),
    );
    for (const { input, encoded, decoded_with_special } of golden.each(suites.distilgpt2!)) {
      expect([...tokenizer.encode(input)]).toEqual(encoded.input_ids);
      expect(tokenizer.decode(encoded.input_ids)).toBe(decoded_with_special);
    }
    // Whisper's English vocabulary is GPT-2's, between two tokens of its own before and one after.
    for (const { input, encoded } of golden.each(suites["openai/whisper-tiny.en"]!)) {
      expect([...tokenizer.encode(input)]).toEqual(encoded.input_ids.slice(2, -1));
    }
    for (const long of golden.each([readJsonFile(join(folder, "hf_swift_golden/gpt2_encoded_tokens.json"))])) {
      expect([...tokenizer.encode(long.text)]).toEqual(long.token_ids);
    }
  });

  it("agrees with llama.cpp on its texts", () => {
    const tokenizer = plain();
    const vocabulary = join(folder, "llamacpp_vocab/ggml-vocab-gpt-2.gguf");
    for (const { text, ids } of texts47.each(readVocabularyCases(`${vocabulary}.out`, `${vocabulary}.inp`))) {
      expect([text, [...tokenizer.encode(text)]]).toEqual([text, ids]);
    }
  });
});

/** Texts of other tokenizers whose vocabularies are not among the assets; the ids alone decide nothing. */
const withoutVocabulary = [
  "bert-base-uncased",
  "tiiuae/falcon-7b",
  "pcuenq/gemma-tokenizer",
  "openai/whisper-large-v2",
  "t5-base",
  "pcuenq/Llama-3.2-1B-Instruct-tokenizer",
  "distilbert/distilbert-base-multilingual-cased",
  "google-bert/bert-base-uncased",
] as const;

const swift = sharedAsset("tokenizers/hf_swift_golden/tokenizer_tests.json");
describe.skipIf(swift === null)("texts of other tokenizers", () => {
  const suites: Readonly<Record<string, readonly unknown[]>> = swift === null ? {} : readJsonFile(swift);
  for (const name of withoutVocabulary) {
    it.skip(`${name}, ${suites[name]?.length ?? 0} texts: its vocabulary is not among the assets`);
  }

  it("are run or listed, every suite of them", () => {
    const run = ["distilgpt2", "openai/whisper-tiny.en", "coreml-projects/Llama-2-7b-chat-coreml"];
    expect(Object.keys(suites).sort()).toEqual([...run, ...withoutVocabulary].sort());
  });
});
