// The commands on GPT-2 folders: published logits where the fixture is there, and a random model with heads of its own.
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { openCheckpoint } from "@dual-head/checkpoint";
import { sharedAsset } from "@dual-head/repo-tools";
import { checkClose } from "@dual-head/tensor-core/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Preflight } from "../preflight.ts";
import { temporaryFolder } from "../testing/folder.ts";
import { run, runJson } from "../testing/run.ts";
import { tinyVocabSize, writeTinyGpt2, writeTinyHeads } from "../testing/tiny-model.ts";

const parity = sharedAsset("hf_parity");
let world: Awaited<ReturnType<typeof temporaryFolder>>;
const place = (name: string) => `${world.path}/${name}`;
beforeAll(async () => {
  world = await temporaryFolder();
  await mkdir(place("model"));
  await writeTinyGpt2(place("model"));
  await mkdir(place("heads"));
  await writeTinyHeads(place("heads"), place("model"));
});
afterAll(() => world.remove());

describe.skipIf(parity === null)("score on a published GPT-2", () => {
  it("gives its logits", async () => {
    const published = JSON.parse(await readFile(`${parity}/tiny_gpt2_logits.json`, "utf8"));
    const { n_ctx: n_positions, vocab: vocab_size, ...extents } = published.config;
    await mkdir(place("published"));
    const config = { model_type: "gpt2", ...extents, n_positions, vocab_size };
    await writeFile(place("published/config.json"), JSON.stringify(config));
    await copyFile(`${parity}/tiny_gpt2.safetensors`, place("published/model.safetensors"));
    const argv = ["score", "--model", place("published"), "--device", "reference", "--logits"];
    for (const [index, sequence] of published.sequences.entries()) {
      const { tokens } = await runJson<{ tokens: { logits: number[] }[] }>([...argv, "--tokens", sequence.join()]);
      const logits = tokens.flatMap((token) => token.logits);
      checkClose("logits", logits, published.logits[index].flat(), 1e-10);
    }
  });
});

describe("commands on a GPT-2 folder", () => {
  it("generate and score, with heads too", async () => {
    const model = ["--model", place("model"), "--device", "cpu"];
    const argv = ["generate", ...model, "--prompt", "the king", "--max-new-tokens", "5", "--temperature", "0"];
    const base = await runJson<{ tokens: { id: number; alpha: number | null }[] }>(argv);
    expect(base.tokens.length).toBeGreaterThan(0);
    const aligned = await runJson<typeof base>([...argv, "--heads", place("heads")]);
    expect(aligned.tokens.every(({ alpha }) => alpha !== null && alpha > 0 && alpha < 1)).toBe(true);
    const off = await runJson<typeof base>([...argv, "--heads", place("heads"), "--strength", "0"]);
    expect(off.tokens.map(({ id }) => id)).toEqual(base.tokens.map(({ id }) => id));
    const { status, out } = await run(["score", ...model, "--text", "the king"]);
    expect([status, out.includes("nats a token")]).toEqual([0, true]);
  });

  it("doctor says what it is and needs", async () => {
    const argv = ["doctor", "--model", place("model"), "--device", "cpu"];
    const { model, needs } = await runJson<Preflight>(argv);
    // Tokens and positions, two layers (maps and biases of 24·72, 24·24 and twice 24·96, two norms), and the last norm.
    const layer = 24 * 72 + 72 + 24 * 24 + 24 + 2 * 24 * 96 + 96 + 24 + 4 * 24;
    const parameters = (tinyVocabSize + 64) * 24 + 2 * layer + 2 * 24;
    expect(model).toMatchObject({ architecture: "gpt2", parameters, storedDtypes: { F32: 1 }, maxTokens: 64 });
    expect(model).toMatchObject({ headCount: 3, groupCount: 3, window: null });
    expect(needs[0]!.weightBytes).toBe(4 * parameters);
    expect((await run(argv)).out).toContain("gpt2");
  });

  it("export writes a folder of the same logits, with heads folded in too, and says why no GGUF", async () => {
    const logitsOf = async (model: string, ...extra: string[]) => {
      const argv = [
        "score",
        "--model",
        model,
        "--tokens",
        "5,260,291,7",
        "--logits",
        "--device",
        "reference",
        ...extra,
      ];
      const { tokens } = await runJson<{ tokens: { logits: number[] }[] }>(argv);
      return tokens.flatMap(({ logits }) => logits);
    };
    const plain = ["export", "--model", place("model"), "--out"];
    expect((await run([...plain, place("again")])).status).toBe(0);
    expect(await logitsOf(place("again"))).toEqual(await logitsOf(place("model")));
    const json = JSON.parse(await readFile(place("again/config.json"), "utf8"));
    expect([json.model_type, json.architectures]).toEqual(["gpt2", ["GPT2LMHeadModel"]]);
    const fold = ["--heads", place("heads"), "--fold", "--alpha", "0.4"];
    expect((await run([...plain, place("folded"), ...fold])).status).toBe(0);
    const expected = await logitsOf(place("model"), "--heads", place("heads"), "--alpha", "0.4");
    checkClose("logits", await logitsOf(place("folded")), expected, 1e-5);
    const written = await openCheckpoint(place("folded"));
    expect(written.names.every((name) => name === "lm_head.weight" || name.startsWith("transformer."))).toBe(true);
    await written.close();
    const { status, note } = await run(["export", "--model", place("model"), "--gguf", "--out", place("out.gguf")]);
    expect([status, note.includes("architecture gpt2 is not written, only llama, mistral, qwen2")]).toEqual([2, true]);
  });
});
