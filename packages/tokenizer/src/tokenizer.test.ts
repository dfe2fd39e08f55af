// A tiny tokenizer under the laws, its settings one by one, and thousands of damaged files.
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAllocationRecord, measureAllocations } from "@dual-head/bytes/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createTokenizer,
  hasTokenizer,
  loadTokenizer,
  parseTokenizerConfig,
  type Tokenizer,
  TokenizerError,
} from "./index.ts";
import { damagedData, exerciseTokenizer } from "./testing/damage.ts";
import { tinyTokenizerJson, tokenizerLaws } from "./testing/index.ts";

const llamaConfig = { tokenizer_class: "LlamaTokenizer", bos_token: "<s>", eos_token: { content: "</s>" } };

function tiny(change: Readonly<Record<string, unknown>> = {}, tokenizerConfig: unknown = llamaConfig): Tokenizer {
  return createTokenizer({ ...tinyTokenizerJson(), ...change }, parseTokenizerConfig({ tokenizerConfig }), "hash");
}

tokenizerLaws("the tiny tokenizer", () => tiny(), { lossless: true, numRuns: 150 });
tokenizerLaws("the tiny tokenizer with clean-up", () => tiny({}, { clean_up_tokenization_spaces: true }), {
  lossless: false,
  numRuns: 150,
});
const metaspace = { type: "Metaspace", replacement: "\u2581", prepend_scheme: "always" };
const unigram = {
  type: "Unigram",
  unk_id: 0,
  vocab: [["<unk>", 0], ["<s>", 0], ["</s>", 0], ..."\u2581abcdeghnt<s>/".split("").map((each, i) => [each, -3 - i])],
};
tokenizerLaws(
  "a tiny Unigram tokenizer, whose model knows its special tokens by name",
  () => tiny({ model: unigram, normalizer: null, pre_tokenizer: metaspace, decoder: metaspace }),
  { lossless: false },
);

describe("createTokenizer()", () => {
  const ids = (text: string, options = {}, tokenizer = tiny()) => [...tokenizer.encode(text, options)];
  const { vocab } = tinyTokenizerJson().model as { vocab: Record<string, number> };
  const [space, he, the, and, cat, lt, s, gt] = ["▁", "he", "▁the", "▁and", "▁cat", "<", "s", ">"].map(
    (token) => vocab[token]!,
  );

  it("merges, falls back to bytes and adds the beginning of text", () => {
    expect(ids("the cat")).toEqual([1, the, cat]);
    expect(ids("the cat", { addSpecialTokens: false })).toEqual([the, cat]);
    expect(ids(" and")).toEqual([1, space, and]);
    expect(ids("the\n")).toEqual([1, the, 3 + 10]);
    expect(ids("")).toEqual([1]);
  });

  it("reads special tokens of a text only when told to", () => {
    expect(ids("<s>", { addSpecialTokens: false })).toEqual([space, lt, s, gt]);
    expect(ids("<s>the", { allowSpecial: true })).toEqual([1, 1, the]);
  });

  it("knows what begins and ends a text, and takes generation_config's word too", () => {
    expect(tiny()).toMatchObject({ vocabSize: 298, bosToken: 1, eosTokens: [2], sha256: "hash" });
    const config = parseTokenizerConfig({ generationConfig: { bos_token_id: 1, eos_token_id: [1, 2] } });
    expect(createTokenizer(tinyTokenizerJson(), config, "")).toMatchObject({ bosToken: 1, eosTokens: [1, 2] });
    expect(tiny({}, {})).toMatchObject({ bosToken: null, eosTokens: [] });
  });

  it("follows add_bos_token and add_eos_token where the class does", () => {
    const flags = (values: object, tokenizer_class = "LlamaTokenizer") =>
      ids("the", {}, tiny({}, { ...llamaConfig, tokenizer_class, ...values }));
    expect(flags({ add_bos_token: false })).toEqual([the]);
    expect(flags({ add_bos_token: true, add_eos_token: true })).toEqual([1, the, 2]);
    expect(flags({ add_bos_token: false }, "PreTrainedTokenizerFast")).toEqual([1, the]);
    const without = tiny({ post_processor: null }, { ...llamaConfig, add_bos_token: true });
    expect(ids("the", {}, without)).toEqual([1, the]);
  });

  it("shows tokens as they stand in a text", () => {
    const tokenizer = tiny();
    expect(tokenizer.tokenText(the!)).toBe(" the");
    expect(tokenizer.tokenText(he!)).toBe("he");
    expect(tokenizer.tokenText(1)).toBe("<s>");
    expect(tokenizer.tokenText(3 + 10)).toBe("\n");
    expect(tokenizer.tokenText(3 + 0xe2)).toBe("<0xE2>");
  });

  it("leaves special tokens out of the text unless told to keep them", () => {
    const tokenizer = tiny();
    expect(tokenizer.decode([1, the!, cat!, 2])).toBe("the cat");
    expect(tokenizer.decode([1, the!, cat!, 2], { skipSpecialTokens: false })).toBe("<s> the cat</s>");
    expect(tokenizer.decode([])).toBe("");
    expect(tokenizer.decode([the!, 9999])).toBe("the");
    expect(() => tokenizer.decode([-1])).toThrow(TokenizerError);
    expect(() => tokenizer.decode([0.5])).toThrow(TokenizerError);
  });

  it("never streams a part of a character", () => {
    const stream = tiny().createStream();
    const bytes = [...new TextEncoder().encode("a😀é")].map((byte) => 3 + byte);
    expect(bytes.map((id) => stream.push(id))).toEqual(["a", "", "", "", "😀", "", "é"]);
    expect(stream.push(3 + 0xf0)).toBe("");
    expect(stream.flush()).toBe("\ufffd");
  });

  it("takes special tokens that only the config adds", () => {
    const config = { ...llamaConfig, added_tokens_decoder: { 300: { content: "<|end|>", special: true } } };
    const tokenizer = tiny({}, config);
    expect(tokenizer.vocabSize).toBe(301);
    expect(ids("the<|end|>", { allowSpecial: true }, tokenizer)).toEqual([1, the, 300]);
    expect(ids("<|end|>", {}, tokenizer)).not.toContain(300);
    expect(tokenizer.tokenText(300)).toBe("<|end|>");
  });
});

describe("loadTokenizer()", () => {
  let root = "";
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "dual-head-tokenizer-"));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  async function createFolder(name: string, files: Readonly<Record<string, string>>): Promise<string> {
    const folder = join(root, name);
    await mkdir(folder);
    for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content);
    return folder;
  }

  it("gathers all files of a folder", async () => {
    const folder = await createFolder("whole", {
      "tokenizer.json": JSON.stringify(tinyTokenizerJson()),
      "tokenizer_config.json": JSON.stringify({ ...llamaConfig, chat_template: "from config" }),
      "special_tokens_map.json": JSON.stringify({ additional_special_tokens: [] }),
      "generation_config.json": JSON.stringify({ eos_token_id: 1 }),
      "chat_template.jinja": "from file",
    });
    const tokenizer = await loadTokenizer(folder);
    expect(tokenizer.eosTokens).toEqual([2, 1]);
    expect(tokenizer.config.chatTemplate).toBe("from file");
    expect(tokenizer.sha256).toMatch(/^[\da-f]{64}$/);
    expect(await hasTokenizer(folder)).toBe(true);
  });

  it("prefers tokenizer.json, takes a sentencepiece model or a file of llama2.c else, and says so", async () => {
    const stored = new URL("./sentencepiece/golden.test.json", import.meta.url);
    const golden = JSON.parse(await readFile(stored, "utf8"));
    const model = Buffer.from(golden.models[0].model, "base64");
    const bin = ["<unk>", "\n<s>\n", "\n</s>\n", " ", "a", " a"].flatMap((text) => {
      return [0, 0, 0, 0, text.length, 0, 0, 0, ...Buffer.from(text)];
    });
    const folder = await createFolder("several", { "added_tokens.json": '{"<extra>": 900}' });
    await writeFile(join(folder, "tokenizer.bin"), Uint8Array.from([9, 0, 0, 0, ...bin]));
    expect((await loadTokenizer(folder)).description).toBe(`${folder}/tokenizer.bin, llama2.c BPE of 6 pieces`);
    await writeFile(join(folder, "tokenizer.model"), model);
    const sentencepiece = await loadTokenizer(folder);
    expect(sentencepiece.description).toMatch(/tokenizer\.model, sentencepiece BPE of \d+ pieces$/);
    expect([...sentencepiece.encode("the<extra>")]).toContain(900);
    await writeFile(join(folder, "tokenizer.json"), JSON.stringify(tinyTokenizerJson()));
    expect((await loadTokenizer(folder)).description).toMatch(/tokenizer\.json, tokenizer\.json BPE of/);
    expect((await loadTokenizer(`${folder}/tokenizer.model`)).sha256).toBe(sentencepiece.sha256);
    expect([...(await loadTokenizer(`${folder}/tokenizer.bin`)).encode("a")]).toEqual([1, 5]);
  });

  it("says what is there where no vocabulary is, and where a file is malformed", async () => {
    const model = await createFolder("model", { "tokenizer.txt": "", "model.gguf": "" });
    expect(await hasTokenizer(model)).toBe(false);
    await expect(loadTokenizer(model)).rejects.toThrow(/has tokenizer.txt/);
    await expect(loadTokenizer(`${model}/model.gguf`)).rejects.toThrow(/tokenizerFromGguf/);
    await writeFile(join(model, "tokenizer.model"), "");
    await expect(loadTokenizer(model)).rejects.toThrow(/pieces must be/);
    await expect(loadTokenizer(join(root, "absent"))).rejects.toThrow(TokenizerError);
    const cut = await createFolder("cut", { "tokenizer.json": '{\n"model": {' });
    await expect(loadTokenizer(cut)).rejects.toThrow(/line 2/);
    const wrong = { "tokenizer.json": JSON.stringify(tinyTokenizerJson()), "tokenizer_config.json": "[]" };
    await expect(loadTokenizer(await createFolder("wrong", wrong))).rejects.toThrow(TokenizerError);
  });
});

describe("damaged tokenizers", () => {
  function checkDamaged(json: unknown, tokenizerConfig: unknown): boolean {
    try {
      exerciseTokenizer(createTokenizer(json, parseTokenizerConfig({ tokenizerConfig }), ""));
      return true;
    } catch (error) {
      if (!(error instanceof TokenizerError)) throw error;
      return false;
    }
  }

  /** The tiny tokenizer without its bytes, so that ten thousand take seconds. */
  function smallJson(): Record<string, unknown> {
    const json = tinyTokenizerJson();
    const model = json.model as { vocab: Record<string, number> };
    const tokens = Object.keys(model.vocab).filter((token) => !token.startsWith("<0x"));
    return { ...json, model: { ...model, vocab: Object.fromEntries(tokens.map((token, id) => [token, id])) } };
  }

  it("give typed errors or a tokenizer that works in memory of their own size, 10,000 times", async () => {
    const words = { type: "Sequence", pretokenizers: [metaspace, { type: "Split", pattern: { Regex: "\\w+" } }] };
    const variants = [
      smallJson(),
      { ...smallJson(), model: unigram, normalizer: { type: "NFKC" }, pre_tokenizer: words, decoder: metaspace },
    ];
    let refused = 0;
    const { most, add } = createAllocationRecord();
    await fc.assert(
      fc.asyncProperty(fc.oneof(...variants.map(damagedData)), async (damaged) => {
        add(
          await measureAllocations(() => {
            if (!checkDamaged(damaged, llamaConfig)) refused++;
          }),
        );
      }),
      { seed: 71, numRuns: 10_000 },
    );
    expect(refused).toBeGreaterThan(2_000);
    // A file of some kilobytes, as objects and tables.
    const size = JSON.stringify(variants[0]).length;
    console.log(
      `tokenizer.json: ${refused} of 10000 damaged files of about ${size} bytes refused; buffers of up to ${most.largestBuffer} bytes, the heap grew by up to ${most.heapGrowth}`,
    );
    expect(most.largestBuffer).toBeLessThan(size + 2 ** 20);
    expect(most.heapGrowth).toBeLessThan(size + 2 ** 21);
  });

  it("in their settings give typed errors too", () => {
    const config = {
      ...llamaConfig,
      add_bos_token: true,
      clean_up_tokenization_spaces: true,
      chat_template: [{ name: "default", template: "x" }],
      added_tokens_decoder: { 300: { content: "<|x|>", special: true } },
      additional_special_tokens: ["<|y|>"],
    };
    fc.assert(
      fc.property(damagedData(config), (damaged) => {
        checkDamaged(smallJson(), damaged);
      }),
      { seed: 72, numRuns: 1_000 },
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(checkDamaged(value, {})).toBe(false);
      }),
      { seed: 73, numRuns: 100 },
    );
  });
});
