// `pull`, and --model and --heads by repository name, against a hub on this machine.
import { mkdir, readFile, stat } from "node:fs/promises";
import { startTestHub, type TestRepository } from "@dual-head/hub/testing";
import { sharedAsset } from "@dual-head/repo-tools";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing/folder.ts";
import { run } from "../testing/run.ts";
import { writeTinyHeads, writeTinyModel } from "../testing/tiny-model.ts";

const stories = sharedAsset("models/stories260K/hf");

async function modelFiles(folder: string): Promise<Record<string, Uint8Array>> {
  const names = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"];
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(`${folder}/${name}`)])));
}

describe("pull", () => {
  let home: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    home = await temporaryFolder();
  });
  afterAll(() => home.remove());
  const start = (repositories: Readonly<Record<string, TestRepository>>) => startTestHub(repositories);
  const environment = (endpoint: string) => ({ HF_HOME: `${home.path}/hf`, HF_ENDPOINT: endpoint });

  it.skipIf(stories === null)("fetches a model that --model then opens by name, online and offline", async () => {
    const generate = (...extra: string[]) => [
      ...["generate", "--prompt", "", "--temperature", "0", "--max-new-tokens", "12", "--device", "cpu", ...extra],
    ];
    const expected = await run(generate("--model", stories!));
    await using hub = await start({ "owner/stories": { files: await modelFiles(stories!) } });
    const env = environment(hub.endpoint);
    const pulled = await run(["pull", "owner/stories@main"], { environment: env });
    expect([pulled.status, pulled.out]).toEqual([
      0,
      `${home.path}/hf/hub/models--owner--stories/snapshots/${hub.commitOf("owner/stories")}\n`,
    ]);
    expect(pulled.note).toContain("4 files");
    const named = await run(generate("--model", "owner/stories"), { environment: { ...env, HF_HUB_OFFLINE: "1" } });
    expect([named.status, named.out]).toEqual([0, expected.out]);
    expect(named.note).toContain("from the cache");
    const scored = await run(["score", "--model", "owner/stories@main", "--text", "Once", "--device", "cpu"], {
      environment: env,
    });
    expect(scored.status).toBe(0);
  });

  it.skipIf(stories === null)("is not needed: what is not cached is fetched", async () => {
    await using hub = await start({
      "owner/uncached": { files: await modelFiles(stories!) },
      "owner/no-heads": { files: { "README.md": "" } },
    });
    const argv = ["generate", "--model", "owner/uncached", "--prompt", "", "--max-new-tokens", "3", "--device", "cpu"];
    const outcome = await run(argv, { environment: environment(hub.endpoint) });
    expect([outcome.status, outcome.note.includes("taken as a repository of 127.0.0.1")]).toEqual([0, true]);
    const heads = await run([...argv, "--heads", "owner/no-heads=1"], { environment: environment(hub.endpoint) });
    expect([heads.status, heads.note.includes("it needs heads.safetensors but has none")]).toEqual([1, true]);
  });

  it("serves --heads by name, as the folder they came from would", async () => {
    const [model, heads] = [`${home.path}/tiny`, `${home.path}/tiny-heads`];
    await writeTinyModel(model);
    await mkdir(heads);
    await writeTinyHeads(heads, model);
    const files = { "heads.safetensors": await readFile(`${heads}/heads.safetensors`), "card.md": "a card" };
    await using hub = await start({ "owner/mine": { files } });
    const score = (named: string) =>
      run(["score", "--model", model, "--tokens", "1,290,260", "--json", "--device", "cpu", "--heads", named], {
        environment: environment(hub.endpoint),
      });
    const expected = await score(`${heads}=0.5`);
    const fetched = await score("owner/mine=0.5");
    expect([fetched.status, fetched.out]).toEqual([0, expected.out]);
    expect(fetched.note).toContain("taken as a repository");
    expect((await score("owner/mine@main")).note).toContain("from the cache");
  });

  it("ends with 130 at Ctrl-C and goes on where it was when it is run again", async () => {
    const abort = new AbortController();
    const weights = new Uint8Array(200_003).fill(7);
    const files = { "config.json": "{}", "model.safetensors": weights };
    await using hub = await startTestHub({ "owner/slow": { files } }, ({ path, earlier }) => {
      if (path !== "model.safetensors" || earlier > 0) return undefined;
      setTimeout(() => abort.abort(new Error("interrupted")), 200);
      return { stallAfter: 100_003 };
    });
    const env = environment(hub.endpoint);
    const first = await run(["pull", "owner/slow"], { environment: env, signal: abort.signal });
    expect([first.status, first.out, first.note.includes("interrupted")]).toEqual([130, "", true]);
    const second = await run(["pull", "owner/slow"], { environment: env });
    expect(second.status).toBe(0);
    const sizes = await Promise.all(
      ["config.json", "model.safetensors"].map(async (name) => (await stat(`${second.out.trim()}/${name}`)).size),
    );
    expect(sizes).toEqual([2, weights.length]);
  });

  it("prints JSON, takes one file, and says what to do where it fails", async () => {
    await using hub = await start({
      "owner/heads": { files: { "heads.safetensors": "x", "card.md": "y", "big.gguf": "z" } },
      "owner/gated": { files: { "config.json": "{}" }, token: "t", gated: true },
    });
    const pull = async (repository: string, extra: Record<string, string> = {}, ...options: string[]) =>
      run(["pull", repository, ...options], { environment: { ...environment(hub.endpoint), ...extra } });
    const json = JSON.parse((await pull("owner/heads", {}, "--json")).out) as Record<string, unknown>;
    expect(json).toMatchObject({
      repository: "owner/heads",
      revision: "main",
      files: ["card.md", "heads.safetensors"],
    });
    expect((await pull("owner/heads:big.gguf")).out.endsWith("/big.gguf\n")).toBe(true);
    const said = async (repository: string, extra?: Record<string, string>, ...options: string[]) => {
      const { status, note } = await pull(repository, extra, ...options);
      return `${status} ${note.trim().split("\n").at(-1)}`;
    };
    expect(await said("owner/gated")).toMatch(
      /^1 dual-head: Cannot fetch owner\/gated: access is restricted.*HF_TOKEN$/,
    );
    expect(await said("owner/heads", { HF_HUB_OFFLINE: "1" })).toMatch(/^1 dual-head: Cannot use owner\/heads offline/);
    expect(await said("heads")).toMatch(
      /^1 dual-head: Cannot fetch "heads": it is no name of a repository; write owner/,
    );
    expect((await pull("owner/heads", {}, "--for", "model")).out.endsWith("/big.gguf\n")).toBe(true);
    expect(await said("owner/heads", {}, "--for", "tokenizer")).toMatch(/^1 .*needs tokenizer.json or tokenizer.model/);
    expect((await pull("owner/heads", {}, "--for", "lunch")).status).toBe(2);
    expect((await run(["pull"])).status).toBe(2);
    expect((await run(["pull", "--help"])).out).toContain("HF_HOME");
  });

  it("leaves a name that is neither path nor repository to the loader", async () => {
    const outcome = await run(["generate", "--model", "./nowhere", "--prompt", "x", "--device", "cpu"]);
    expect([outcome.status, outcome.note.includes("nowhere")]).toEqual([1, true]);
    const offline = await run(["generate", "--model", "no/where", "--prompt", "x", "--device", "cpu"]);
    expect(offline.note).toMatch(/no\/where: no such path here.*\n.*Cannot use no\/where offline.*name a folder/);
  });
});
