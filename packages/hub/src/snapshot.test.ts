// Snapshots from a hub on this machine: what arrives, what is resumed, and what is not fetched twice.
import { createHash } from "node:crypto";
import {
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  truncate,
  unlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { placeInSnapshot } from "./cache.ts";
import { findSnapshot, type HubEvent, openSnapshot, pullSnapshot, requireRepositoryName } from "./index.ts";
import { testCommit } from "./testing/index.ts";
import { failure, fileRequests, model, name, onWeights, sha256, type World, weights, world } from "./testing/world.ts";

describe("pullSnapshot()", () => {
  it("makes the cache that all clients of the hub share, with the needed files only", async () => {
    await using here = await world();
    const events: HubEvent[] = [];
    const snapshot = await pullSnapshot(name, { ...here.options, onEvent: (event) => events.push(event) });
    const folder = join(here.cacheFolder, "models--owner--model");
    expect(snapshot).toMatchObject({ commit: testCommit("1"), path: join(folder, "snapshots", testCommit("1")) });
    expect(await readFile(join(folder, "refs/main"), "utf8")).toBe(testCommit("1"));
    expect(await readFile(join(snapshot.folder, "model.safetensors"))).toEqual(Buffer.from(weights));
    expect(await readlink(join(snapshot.folder, "model.safetensors"))).toBe(join("../../blobs", sha256(weights)));
    expect(await readFile(join(snapshot.folder, "additional_chat_templates/tool.jinja"), "utf8")).toBe("{{ x }}");
    expect((await readdir(snapshot.folder)).sort()).toEqual([
      "additional_chat_templates",
      "config.json",
      "model.safetensors",
      "tokenizer.json",
    ]);
    // Git's own name of the blob.
    const text = model.files["config.json"] as string;
    expect(await readdir(here.blobs)).toContain(
      createHash("sha1").update(`blob ${text.length}\0${text}`).digest("hex"),
    );
    expect(events[0]).toMatchObject({ kind: "listed", fileCount: 4, cachedBytes: 0 });
    expect(events.at(-1)).toMatchObject({
      kind: "progress",
      loadedBytes: (events[0] as { totalBytes: number }).totalBytes,
    });
  });

  it("fetches nothing twice, and a changed branch only what changed", async () => {
    const refs: Record<string, string> = { main: testCommit("1") };
    const files: Record<string, Uint8Array | string> = { ...model.files };
    await using here = await world(undefined, { "owner/model": { files, refs } });
    await pullSnapshot(name, here.options);
    const before = here.hub.requests.filter(({ kind }) => kind === "file").length;
    await pullSnapshot(name, here.options);
    expect(here.hub.requests.filter(({ kind }) => kind === "file").length).toBe(before);
    refs.main = testCommit("3");
    files["config.json"] = '{"model_type":"mistral"}';
    const { folder } = await pullSnapshot(name, here.options);
    expect(here.hub.requests.filter(({ kind }) => kind === "file").length).toBe(before + 1);
    expect(await readFile(join(folder, "config.json"), "utf8")).toContain("mistral");
    expect((await readdir(join(folder, ".."))).sort()).toEqual([testCommit("1"), testCommit("3")].sort());
  });

  it("takes branches, tags, references and commits, and one named file", async () => {
    await using here = await world();
    const pull = (text: string) => pullSnapshot(requireRepositoryName(text), here.options);
    expect((await pull("owner/model@v1")).commit).toBe(testCommit("1"));
    expect((await pull("owner/model@refs/pr/3")).commit).toBe(testCommit("2"));
    expect((await pull(`owner/model@${testCommit("2")}`)).commit).toBe(testCommit("2"));
    await using other = await world(undefined, { "owner/model": { files: { "q/x.gguf": "x", "README.md": "" } } });
    expect((await pullSnapshot(name, other.options)).path).toMatch(/q.x\.gguf$/);
    const { path, files } = await pull("owner/model:pytorch_model.bin");
    expect([(await stat(path)).size, files]).toEqual([1009, ["pytorch_model.bin"]]);
    expect((await failure(pull("owner/model:absent.gguf"))).message).toContain("has no file absent.gguf");
    const unknown = await failure(pull("owner/model@v2"));
    expect([unknown.facts.fault, unknown.message.includes("has no revision v2")]).toEqual(["not-found", true]);
  });

  it("takes the shards that an index names, and trained heads", async () => {
    const shard = (index: number) => `model-0000${index}-of-00002.safetensors`;
    const index = JSON.stringify({ weight_map: { a: shard(1), b: shard(2) } });
    const files = { "config.json": "{}", "model.safetensors.index.json": index, [shard(1)]: "one", [shard(2)]: "two" };
    const heads = { "heads.safetensors": "heads", "card.md": "card", "metrics.jsonl": "" };
    const lost = { "config.json": "{}", "model.safetensors.index.json": index, [shard(1)]: "one" };
    await using here = await world(undefined, {
      "owner/model": { files: { ...files, "extra.safetensors": "no" } },
      "owner/heads": { files: heads },
      "owner/lost": { files: lost },
    });
    expect((await pullSnapshot(name, here.options)).files).toHaveLength(4);
    const pulled = await pullSnapshot(requireRepositoryName("owner/heads"), here.options);
    expect(pulled.files).toEqual(["card.md", "heads.safetensors"]);
    const missing = await failure(pullSnapshot(requireRepositoryName("owner/lost"), here.options));
    expect(missing.message).toContain(`has no file ${shard(2)}, which its index names`);
  });

  it("goes on where a connection broke, naming the version of the bytes", async () => {
    await using here = await world(onWeights({ breakAfter: 100_003 }, { breakAfter: 50_021 }, { breakAfter: 50_021 }));
    const events: HubEvent[] = [];
    const { folder } = await pullSnapshot(name, { ...here.options, onEvent: (event) => events.push(event) });
    expect(sha256(await readFile(join(folder, "model.safetensors")))).toBe(sha256(weights));
    const asked = fileRequests(here.hub).map(({ headers }) => [headers.range, headers["if-range"]]);
    const tag = `"${sha256(weights)}"`;
    expect(asked).toEqual([
      [undefined, undefined],
      ["bytes=100003-", tag],
      ["bytes=150024-", tag],
      ["bytes=200045-", tag],
    ]);
    expect(events.filter(({ kind }) => kind === "retry")).toHaveLength(3);
  });

  it("gives up after failures without progress, keeps what came, and goes on from there next time", async () => {
    let sound = false;
    await using here = await world((request) =>
      request.path !== "model.safetensors" || sound
        ? undefined
        : request.earlier === 0
          ? { breakAfter: 300_007 }
          : { status: 503 },
    );
    const error = await failure(pullSnapshot(name, here.options));
    expect([error.facts.fault, error.facts.status]).toEqual(["unavailable", 503]);
    sound = true;
    const events: HubEvent[] = [];
    await pullSnapshot(name, { ...here.options, onEvent: (event) => events.push(event) });
    expect(fileRequests(here.hub).at(-1)!.headers.range).toBe("bytes=300007-");
    expect((await readdir(here.blobs)).filter((file) => file.endsWith(".partial"))).toEqual([]);
  });

  it("begins anew where ranges are ignored or what is on disk is too much", async () => {
    await using here = await world(onWeights({ breakAfter: 1009 }, { ignoreRange: true }));
    const { folder } = await pullSnapshot(name, here.options);
    expect(sha256(await readFile(join(folder, "model.safetensors")))).toBe(sha256(weights));
    await using other = await world();
    await mkdir(other.blobs, { recursive: true });
    const left = join(other.blobs, `${sha256(weights)}.free-0123456789ab.partial`);
    await writeFile(left, new Uint8Array(weights.length + 7));
    await pullSnapshot(name, other.options);
    expect(fileRequests(other.hub)).toHaveLength(1);
  });

  it("fetches what a dead process left, and once more from the start where that was damaged", async () => {
    for (const damaged of [false, true]) {
      await using here = await world();
      await mkdir(here.blobs, { recursive: true });
      const part = weights.slice(0, 200_003);
      if (damaged) part[17]! ^= 1;
      await writeFile(join(here.blobs, `${sha256(weights)}.free-0123456789ab.partial`), part);
      const { folder } = await pullSnapshot(name, here.options);
      expect(sha256(await readFile(join(folder, "model.safetensors")))).toBe(sha256(weights));
      const ranges = fileRequests(here.hub).map(({ headers }) => headers.range);
      expect(ranges).toEqual(damaged ? ["bytes=200003-", undefined] : ["bytes=200003-"]);
    }
  });

  it("gives up a connection that stays silent, and goes on", async () => {
    await using here = await world(onWeights({ stallAfter: 5003 }));
    // Long for a busy machine too, which must not look like a silent hub; a test that does not mean it waits half a minute.
    await pullSnapshot(name, { ...here.options, retry: { ...here.options.retry, stallSeconds: 1.5 } });
    expect(fileRequests(here.hub).map(({ headers }) => headers.range)).toEqual([undefined, "bytes=5003-"]);
  });

  it("ends where it is told to, keeps what came, and says why", async () => {
    await using here = await world(onWeights({ stallAfter: 70_001 }));
    const abort = new AbortController();
    const pulling = pullSnapshot(name, { ...here.options, signal: abort.signal });
    const arrived = async () => {
      const names = await readdir(here.blobs).catch(() => []);
      const partial = names.find((file) => file.startsWith(sha256(weights)) && file.endsWith(".partial"));
      return partial === undefined ? 0 : (await stat(join(here.blobs, partial)).catch(() => ({ size: 0 }))).size;
    };
    while ((await arrived()) < 70_001) await new Promise((resolve) => setTimeout(resolve, 5));
    abort.abort(new Error("interrupted"));
    await expect(pulling).rejects.toThrow("interrupted");
    await pullSnapshot(name, here.options);
    expect(fileRequests(here.hub).at(-1)!.headers.range).toBe("bytes=70001-");
    await expect(
      pullSnapshot(name, { ...here.options, signal: AbortSignal.abort(new Error("early")) }),
    ).rejects.toThrow("early");
  });
});

describe("openSnapshot() and findSnapshot()", () => {
  it("use what is cached without a request, online and offline", async () => {
    await using here = await world();
    const offline = { ...here.options, settings: { ...here.settings, offline: true } };
    const error = await failure(openSnapshot(name, offline));
    expect(error.message).toMatch(
      /^Cannot use owner\/model offline: it is not in the cache .*dual-head pull owner\/model/,
    );
    const pulled = await openSnapshot(name, here.options);
    const count = here.hub.requests.length;
    expect(await openSnapshot(name, here.options)).toEqual(pulled);
    expect(await openSnapshot(name, offline)).toEqual(pulled);
    expect(here.hub.requests).toHaveLength(count);
    const part = await failure(openSnapshot({ ...name, revision: "v1" }, offline));
    expect(part.message).toContain("only a part of it or another revision");
  });

  it("do not take weights without their tokenizer for a model", async () => {
    const offlineOf = (here: World) => ({ ...here.options, settings: { ...here.settings, offline: true } });
    await using here = await world();
    // One file alone, as other clients fetch it, and as a pull of that file does.
    await pullSnapshot(requireRepositoryName("owner/model:model.safetensors"), here.options);
    const whole = await pullSnapshot({ ...name, revision: "v1" }, here.options);
    await unlink(join(whole.folder, "tokenizer.json"));
    for (const listed of [true, false]) {
      if (!listed) await rm(join(whole.folder, "../../listings"), { recursive: true });
      expect(await findSnapshot(name, here.options)).toBeNull();
      expect((await failure(openSnapshot(name, offlineOf(here)))).message).toContain("only a part of it");
    }
    expect((await openSnapshot(name, here.options)).files).toEqual(whole.files);
    expect(await findSnapshot(name, offlineOf(here))).not.toBeNull();
  });

  it("ask the hub once what a cache of another client lacks, and use it as it is where the hub is not there", async () => {
    let reachable = false;
    await using here = await world(() => (reachable ? undefined : { status: 503 }));
    reachable = true;
    const { folder } = await pullSnapshot(name, here.options);
    await rm(join(folder, "../../listings"), { recursive: true });
    reachable = false;
    expect((await openSnapshot(name, here.options)).folder).toBe(folder);
    expect((await failure(pullSnapshot(name, here.options))).facts.fault).toBe("unavailable");
    reachable = true;
    const files = fileRequests(here.hub).length;
    await openSnapshot(name, here.options);
    const asked = here.hub.requests.length;
    await openSnapshot(name, here.options);
    expect([fileRequests(here.hub).length, here.hub.requests.length]).toEqual([files, asked]);
  });

  it("do not take a part for the whole", async () => {
    await using here = await world();
    const { folder } = await pullSnapshot(name, here.options);
    await unlink(join(folder, "model.safetensors"));
    expect(await findSnapshot(name, here.options)).toBeNull();
    await openSnapshot(name, here.options);
    expect(await findSnapshot(name, here.options)).not.toBeNull();
    // A link that leads nowhere, and a blob cut short.
    await truncate(join(here.blobs, sha256(weights)), 1000);
    await pullSnapshot(name, here.options);
    expect(sha256(await readFile(join(folder, "model.safetensors")))).toBe(sha256(weights));
    await unlink(join(here.blobs, sha256(weights)));
    expect(await findSnapshot(name, here.options)).toBeNull();
  });
});

describe("placeInSnapshot()", () => {
  it("replaces a wrong link, and keeps the copy that stands for one", async () => {
    await using here = await world();
    const [blob, snapshot] = [join(here.cacheFolder, "blob"), join(here.cacheFolder, "snapshot")];
    await writeFile(blob, "content");
    await mkdir(snapshot);
    await symlink("../wrong", join(snapshot, "linked"));
    await writeFile(join(snapshot, "copied"), "content");
    for (const file of ["linked", "copied", "deep/new"]) await placeInSnapshot(blob, snapshot, file);
    expect(await readlink(join(snapshot, "linked"))).toBe("../blob");
    expect((await lstat(join(snapshot, "copied"))).isSymbolicLink()).toBe(false);
    expect(await readFile(join(snapshot, "deep/new"), "utf8")).toBe("content");
  });
});
