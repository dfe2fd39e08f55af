// `doctor` of the machine, and of a model: figures from headers alone, here and on a hub.
import { mkdir, readFile, truncate } from "node:fs/promises";
import { startTestHub } from "@dual-head/hub/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Preflight } from "../preflight.ts";
import { temporaryFolder } from "../testing/folder.ts";
import { run, runJson } from "../testing/run.ts";
import { tinyVocabSize, writeTinyHeads, writeTinyModel } from "../testing/tiny-model.ts";

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
    const { model, needs, cacheBytes, memory, device } = await runJson<Preflight>(argv);
    expect(model).toMatchObject({ architecture: "llama", parameters, storedDtypes: { F32: 1 }, maxTokens: 64 });
    expect(needs.map(({ dtype }) => dtype)).toEqual(["f32", "bf16", "f16", "q8", "q4"]);
    expect(needs[0]!.weightBytes).toBe(4 * parameters);
    expect(cacheBytes).toBe(2 * 2 * 2 * 8 * 1000 * 4);
    expect(needs.every(({ fits, totalBytes, weightBytes }) => fits && totalBytes === weightBytes + cacheBytes)).toBe(
      true,
    );
    expect(memory.freeBytes).toBeGreaterThan(0);
    expect(device.name).toBe("cpu");
    const { out } = await run(argv);
    expect(out).toContain("it fits as f32, bf16, f16, q8, q4");
    expect(out).toContain("keys and values 256.0 kB");
  });

  it("counts heads and the histories of their gates", async () => {
    const { needs, historyBytes, headCount } = await runJson<Preflight>([
      ...["doctor", "--model", place("model"), "--heads", place("heads"), "--device", "cpu"],
    ]);
    expect([headCount, historyBytes]).toEqual([1, (8 + 2) * 1000 * 4]);
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
