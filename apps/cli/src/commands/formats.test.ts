// One model in every format, read with every kind of its tokenizer: the same text. And what is said where one is missing.
import { readFile } from "node:fs/promises";
import { countVectors, sharedAsset } from "@dual-head/repo-tools";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing/folder.ts";
import { run } from "../testing/run.ts";
import { writeTinyModel } from "../testing/tiny-model.ts";

const stories = sharedAsset("models/stories260K");
const expectedPath = sharedAsset("ref/stories260K_expected.json");

let world: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  world = await temporaryFolder();
});
afterAll(() => world.remove());
const place = (name: string) => `${world.path}/${name}`;
const generate = (...argv: string[]) => run(["generate", "--temperature", "0", "--device", "cpu", ...argv]);

describe.skipIf(stories === null || expectedPath === null)("stories260K", () => {
  const vectors = countVectors("llama2.c's greedy story, pairs of model and tokenizer");
  it("tells llama2.c's story from every format, its own exports included", async () => {
    const gguf = ["export", "--model", `${stories}/hf`, "--gguf"];
    expect((await run([...gguf, "--out", place("stories.gguf")])).status).toBe(0);
    expect((await run([...gguf, "--dtype", "f16", "--out", place("half.gguf")])).status).toBe(0);
    // Back from GGUF to a folder, and from there to GGUF once more.
    const back = ["export", "--model", place("stories.gguf"), "--out", place("back")];
    expect((await run(back)).note).toContain("the folder gets no tokenizer");
    const again = ["export", "--model", place("stories.gguf"), "--gguf", "--out", place("again.gguf")];
    expect((await run(again)).status).toBe(0);
    const { expected_stdout: story } = JSON.parse(await readFile(expectedPath!, "utf8")) as { expected_stdout: string };
    const ways: readonly (readonly string[])[] = [
      [`${stories}/hf`],
      [`${stories}/hf/model.safetensors`],
      [`${stories}/stories260K.bin`, "--tokenizer", `${stories}/tok512.bin`],
      [`${stories}/checkpoint_v1_clebert.bin`, "--tokenizer", `${stories}/tok512.bin`],
      [`${stories}/stories260K.bin`, "--tokenizer", `${stories}/hf`],
      [`${stories}/hf`, "--tokenizer", place("stories.gguf")],
      [place("stories.gguf")],
      [place("half.gguf")],
      [place("again.gguf")],
      [place("back"), "--tokenizer", `${stories}/hf/tokenizer.json`],
    ];
    for (const [model, ...tokenizer] of vectors.each(ways)) {
      const { out, note } = await generate("--model", model!, ...tokenizer, "--prompt", "", "--max-new-tokens", "200");
      expect([model, out, note.includes("200 tokens")]).toEqual([model, `${story}\n`, true]);
    }
  });

  it("reads a prompt alike with every tokenizer of it", async () => {
    const prompt = "Once upon a time, Tim's 2 dogs saw a é.";
    const ids = async (...argv: string[]) => {
      const { out } = await run(["score", "--text", prompt, "--json", "--device", "cpu", ...argv]);
      return (JSON.parse(out) as { tokens: { id: number }[] }).tokens.map(({ id }) => id);
    };
    const expected = await ids("--model", `${stories}/hf`);
    const bin = ["--model", `${stories}/stories260K.bin`, "--tokenizer"];
    for (const tokenizer of [`${stories}/tok512.bin`, place("stories.gguf"), `${stories}/hf/tokenizer.json`]) {
      expect(await ids(...bin, tokenizer)).toEqual(expected);
    }
    const without = await run(["score", "--text", prompt, "--model", `${stories}/stories260K.bin`, "--device", "cpu"]);
    expect([without.status, without.note.includes("name one with --tokenizer")]).toEqual([2, true]);
  });
});

describe("--tokenizer", () => {
  it("names what can be read where it is none, or another model's", async () => {
    await writeTinyModel(place("tiny"));
    const model = ["--model", place("tiny"), "--prompt", "x"];
    const none = await generate(...model, "--tokenizer", place("tiny/config.safetensors"));
    expect([none.status, none.note.includes("name a folder, or a file that ends in .json")]).toEqual([2, true]);
    const malformed = await generate(...model, "--tokenizer", place("tiny/config.json"));
    expect([malformed.status, malformed.note.includes("config.json")]).toEqual([1, true]);
  });
});
