// `doctor` of the machine, and of a model: figures from headers alone, here and on a hub.
import { mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { type GgufTensor, type GgufValue, writeGguf } from "@dual-head/checkpoint";
import { startTestHub } from "@dual-head/hub/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Preflight } from "../preflight.ts";
import { temporaryFolder } from "../testing/folder.ts";
import { run, runJson } from "../testing/run.ts";
import { tinyVocabSize, writeTinyHeads, writeTinyModel } from "../testing/tiny-model.ts";

const partedFields: Readonly<Record<string, GgufValue>> = {
  "general.architecture": { string: "llama" },
  "llama.embedding_length": { u32: 32 },
  "llama.block_count": { u32: 1 },
  "llama.feed_forward_length": { u32: 64 },
  "llama.attention.head_count": { u32: 4 },
  "llama.context_length": { u32: 64 },
  "llama.attention.layer_norm_rms_epsilon": { f32: 1e-5 },
};

/** Zeros under the names of a model of one layer: its first part has the embedding and the norms. */
function partedTensors(part: number): readonly GgufTensor[] {
  const square = ["attn_q", "attn_k", "attn_v", "attn_output"].map((name) => [`blk.0.${name}`, 32, 32] as const);
  const wide = ["ffn_gate", "ffn_up"].map((name) => [`blk.0.${name}`, 64, 32] as const);
  const norms = ["blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"].map((name) => [name, 32] as const);
  const shapes: readonly (readonly [string, ...number[]])[] =
    part === 0 ? [["token_embd", 37, 32], ...norms] : [...square, ...wide, ["blk.0.ffn_down", 32, 64]];
  return shapes.map(([name, ...shape]) => ({
    ...{ name: `${name}.weight`, shape, dtype: "F32" },
    values: () => new Float32Array(shape.reduce((product, extent) => product * extent, 1)),
  }));
}

describe("doctor", () => {
  let world: Awaited<ReturnType<typeof temporaryFolder>>;
  const place = (name: string) => `${world.path}/${name}`;
  beforeAll(async () => {
    world = await temporaryFolder();
    await writeTinyModel(place("model"));
    await mkdir(place("heads"));
    await writeTinyHeads(place("heads"), place("model"));
  });
  afterAll(() => world.remove());

  // Embedding, two layers (q and o 32·32, k and v 16·32, three of 64·32, two norms), and the last norm.
  const parameters = tinyVocabSize * 32 + 2 * (2 * 32 * 32 + 2 * 16 * 32 + 3 * 64 * 32 + 2 * 32) + 32;

  it("says what a model is and needs", async () => {
    const argv = ["doctor", "--model", place("model"), "--device", "cpu"];
    const { model, needs, memory, device } = await runJson<Preflight>(argv);
    expect(model).toMatchObject({ architecture: "llama", parameters, storedDtypes: { F32: 1 }, maxTokens: 64 });
    expect(needs.map(({ dtype }) => dtype)).toEqual(["f32", "bf16", "f16", "q8", "q4"]);
    expect(needs[0]!.weightBytes).toBe(4 * parameters);
    // Keys and values of 2 layers and 2 groups of 8 numbers, of as many tokens as the model reads.
    const cacheBytes = 2 * 2 * 2 * 8 * 64 * 4;
    expect(needs.every((need) => need.contextTokens === 64 && need.cacheBytes === cacheBytes)).toBe(true);
    // Hidden states of 32 numbers beside them, and all of it once more for prefixes.
    const prefixBytes = 64 * 32 * 4 + (cacheBytes + 64 * 32 * 4);
    expect(
      needs.every(
        (need) =>
          need.fits &&
          need.prefixBytes === prefixBytes &&
          need.totalBytes === need.weightBytes + cacheBytes + prefixBytes,
      ),
    ).toBe(true);
    expect(memory.freeBytes).toBeGreaterThan(0);
    expect(device.name).toBe("cpu");
    const { out } = await run(argv);
    expect(out).toContain("it fits as f32, bf16, f16, q8, q4");
    expect(out).toContain("keys and values 256.0 kB");
  });

  it("counts the tokens that chat holds: as many as are asked for, else a bounded number", async () => {
    await writeTinyModel(place("long"), { max_position_embeddings: 131072 });
    const model = ["--model", place("long"), "--device", "cpu"];
    for (const [asked, expected] of [
      [[], 4096],
      [["--context", "6007"], 6007],
    ] as const) {
      const { needs } = await runJson<Preflight>(["doctor", ...model, ...asked]);
      expect(needs[0]).toMatchObject({ contextTokens: expected, cacheBytes: 2 * 2 * 2 * 8 * expected * 4 });
      const { status, note } = await run(["chat", ...model, ...asked], { lines: ["/quit"] });
      expect([status, note.includes(`context: ${expected} of the 131072 tokens`)]).toEqual([0, true]);
    }
    const beyond = await run(["doctor", ...model, "--context", "131073"]);
    expect([beyond.status, beyond.note.includes("this model reads 131072; give --context up to")]).toEqual([2, true]);
  });

  it("counts what is held while a tensor is read: as stored, and as floats where these are others", async () => {
    const halves = ["export", "--model", place("model"), "--dtype", "bf16", "--out", place("halves")];
    expect((await run(halves)).status).toBe(0);
    const reading = async (name: string, device: string) =>
      (await runJson<Preflight>(["doctor", "--model", place(name), "--device", device])).readingBytes;
    const largest = tinyVocabSize * 32;
    expect(await reading("model", "cpu")).toBe(4 * largest);
    expect(await reading("halves", "cpu")).toBe((2 + 4) * largest);
    expect(await reading("halves", "reference")).toBe((2 + 4 + 8) * largest);
  });

  it("reports on a GGUF model in parts that is on the hub", async () => {
    const part = (index: number) => `q/m-0000${index + 1}-of-00002.gguf`;
    const files: Record<string, Uint8Array> = {};
    for (const index of [0, 1]) {
      const path = place(`part-${index}.gguf`);
      const split = { "split.no": { u32: index }, "split.count": { u32: 2 }, "split.tensors.count": { u32: 11 } };
      await writeGguf(path, { ...(index === 0 ? partedFields : {}), ...split }, partedTensors(index));
      files[part(index)] = await readFile(path);
    }
    await using hub = await startTestHub({ "owner/parts": { files } });
    const environment = { HF_HOME: place("hf-parts"), HF_ENDPOINT: hub.endpoint };
    for (const name of ["owner/parts", `owner/parts:${part(0)}`]) {
      const { status, out } = await run(["doctor", "--model", name, "--device", "cpu", "--json"], { environment });
      expect(status).toBe(0);
      expect((JSON.parse(out) as Preflight).model).toMatchObject({
        ...{ architecture: "llama", layerCount: 1, storedDtypes: { F32: 1 } },
        parameters: 37 * 32 + 4 * 32 * 32 + 3 * 64 * 32 + 3 * 32,
      });
    }
  });

  it("counts heads and the histories of their gates", async () => {
    const { needs, historyBytesPerToken, headCount } = await runJson<Preflight>([
      ...["doctor", "--model", place("model"), "--heads", place("heads"), "--device", "cpu"],
    ]);
    expect([headCount, historyBytesPerToken]).toEqual([1, (8 + 2) * 4]);
    expect(needs[0]!.cacheBytes).toBe(64 * (2 * 2 * 2 * 8 + (8 + 2)) * 4);
    expect(needs[0]!.headBytes).toBe(4 * (tinyVocabSize * 32 + (2 * 8 + 2) * 32));
  });

  it("reads headers only, and of a repository nothing more", async () => {
    const file = await readFile(place("model/model.safetensors"));
    const config = await readFile(place("model/config.json"));
    await using hub = await startTestHub({
      "owner/model": { files: { "config.json": config, "model.safetensors": file, "pytorch_model.bin": "x" } },
      "owner/none": { files: { "pytorch_model.bin": "x" } },
    });
    const environment = { HF_HOME: place("hf"), HF_ENDPOINT: hub.endpoint };
    const { status, out } = await run(["doctor", "--model", "owner/model", "--device", "cpu", "--json"], {
      environment,
    });
    expect(status).toBe(0);
    expect((JSON.parse(out) as Preflight).model).toMatchObject({ parameters, storedDtypes: { F32: 1 } });
    const ranges = hub.requests.flatMap(({ path, headers }) => (path === "model.safetensors" ? [headers.range] : []));
    const headerEnd = 8 + Number(file.readBigUInt64LE(0));
    expect(ranges.every((range) => Number(/-(\d+)$/.exec(range ?? "")?.[1]) < headerEnd)).toBe(true);
    const none = await run(["doctor", "--model", "owner/none", "--device", "cpu"], { environment });
    expect([none.status, none.note.includes("has pytorch_model.bin")]).toEqual([1, true]);
    const offline = await run(["doctor", "--model", "owner/model", "--device", "cpu"]);
    expect([offline.status, offline.note.includes("Cannot look into owner/model offline")]).toEqual([1, true]);
  });

  it("refuses a config with a key that nobody knows, unless it is told to ignore it", async () => {
    await writeTinyModel(place("strange"));
    const path = place("strange/config.json");
    const json = JSON.parse(await readFile(path, "utf8")) as object;
    await writeFile(path, JSON.stringify({ ...json, attn_temperature: 0.5 }));
    const ignoring = ["--ignore-config-key", "attn_temperature"];
    for (const argv of [
      ["doctor", "--model", place("strange"), "--device", "cpu"],
      ["score", "--model", place("strange"), "--device", "cpu", "--tokens", "1,2"],
      ["export", "--model", place("strange"), "--out", place("strange-out")],
    ]) {
      const refused = await run(argv);
      expect([refused.status, refused.note.includes("--ignore-config-key attn_temperature")]).toEqual([1, true]);
      expect((await run([...argv, ...ignoring])).status).toBe(0);
    }
  });

  it("names what is wrong with a model, and with the command line", async () => {
    await writeTinyModel(place("cut"));
    await truncate(place("cut/model.safetensors"), 5000);
    const cut = await run(["doctor", "--model", place("cut"), "--device", "cpu"]);
    expect([cut.status, cut.note.includes("model.safetensors")]).toEqual([1, true]);
    expect((await run(["doctor", "--heads", place("heads")])).note).toContain("name their model with --model");
    expect((await run(["doctor", "--model", place("absent"), "--device", "cpu"])).status).toBe(1);
  });

  it("examines the machine without a model", async () => {
    const { devices } = await runJson<{ devices: { name: string; available: boolean }[] }>(["doctor"]);
    expect(devices.find(({ name }) => name === "cpu")?.available).toBe(true);
  });
});
