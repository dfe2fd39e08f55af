// Several processes and one cache: each blob is fetched once, a killed process neither blocks nor spoils what it left.
// Processes need the built files.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { claimPartial } from "./claim.ts";
import { startTestHub } from "./testing/index.ts";

const script = fileURLToPath(new URL("../dist/testing/pull.test-program.js", import.meta.url));
const weights = Uint8Array.from({ length: 3_000_017 }, (_, index) => (index * 37) % 251);
const oid = createHash("sha256").update(weights).digest("hex");

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-hub-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

function startPull(endpoint: string, cache: string) {
  const env = { ...process.env, HF_ENDPOINT: endpoint, HF_HUB_CACHE: cache, HF_TOKEN_PATH: "/nowhere/token" };
  const child = spawn(process.execPath, [script, "owner/model"], { env, stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  const ended = new Promise<string>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => (code === 0 ? resolve(out) : reject(new Error(`${code ?? signal}`))));
  });
  return { child, ended };
}

describe.skipIf(!existsSync(script))("processes", () => {
  it("that pull at once fetch the weights once and find the same whole snapshot", async () => {
    const files = { "config.json": "{}", "model.safetensors": weights };
    await using hub = await startTestHub({ "owner/model": { files } }, ({ kind, path, earlier }) =>
      // Slow enough that all are there before the first is done.
      kind === "file" && path === "model.safetensors" && earlier < 2 ? { breakAfter: 1_000_003 } : undefined,
    );
    const cache = join(root, "together");
    const folders = await Promise.all([1, 2, 3].map(() => startPull(hub.endpoint, cache).ended));
    expect(new Set(folders).size).toBe(1);
    expect(Buffer.from(await readFile(join(folders[0]!, "model.safetensors"))).equals(Buffer.from(weights))).toBe(true);
    const blobs = await readdir(join(cache, "models--owner--model/blobs"));
    expect([blobs.length, blobs.includes(oid)]).toEqual([2, true]);
    const fromStart = hub.requests.filter(({ path, headers }) => path === "model.safetensors" && !headers.range);
    expect(fromStart).toHaveLength(1);
  });

  it("that are killed leave what the next one goes on with at once", async () => {
    const files = { "config.json": "{}", "model.safetensors": weights };
    await using hub = await startTestHub({ "owner/model": { files } }, ({ path, earlier }) =>
      path === "model.safetensors" && earlier === 0 ? { stallAfter: 2_000_003 } : undefined,
    );
    const cache = join(root, "killed");
    const first = startPull(hub.endpoint, cache);
    const died = expect(first.ended).rejects.toThrow("SIGKILL");
    const blobs = join(cache, "models--owner--model/blobs");
    const arrived = async () => {
      const partial = (await readdir(blobs).catch(() => [])).find((file) => /^[0-9a-f]{64}\..*\.partial$/.test(file));
      return partial === undefined ? 0 : (await stat(join(blobs, partial))).size;
    };
    while ((await arrived()) < 2_000_003) await new Promise((resolve) => setTimeout(resolve, 20));
    first.child.kill("SIGKILL");
    await died;
    const folder = await startPull(hub.endpoint, cache).ended;
    expect(Buffer.from(await readFile(join(folder, "model.safetensors"))).equals(Buffer.from(weights))).toBe(true);
    const ranges = hub.requests.filter(({ path }) => path === "model.safetensors").map(({ headers }) => headers.range);
    expect(ranges).toEqual([undefined, "bytes=2000003-"]);
  });
});

describe("claimPartial()", () => {
  const place = async (label: string) => {
    const folder = join(root, label);
    await mkdir(folder);
    return join(folder, oid);
  };
  it("gives a partial file to one claimant, and to the next what the first gave up", async () => {
    const blob = await place("turns");
    const first = await claimPartial(blob);
    await writeFile(first!.path, "some");
    let waits = 0;
    const second = claimPartial(blob, { pollSeconds: 0.01, onWait: () => waits++ });
    await new Promise((resolve) => setTimeout(resolve, 60));
    // Who waits may be looking just now, behind the gate.
    const names = await readdir(join(blob, ".."));
    expect(names.filter((name) => name.endsWith(".partial"))).toHaveLength(1);
    await first!.release();
    const claim = await second;
    expect([waits, await readFile(claim!.path, "utf8")]).toEqual([1, "some"]);
    await claim!.release();
  });

  it("ends with nothing where the blob comes to be while it waits, or is told to stop", async () => {
    const blob = await place("becomes");
    const first = await claimPartial(blob);
    const second = claimPartial(blob, { pollSeconds: 0.01, onWait: () => void writeFile(blob, "whole") });
    expect(await second).toBeNull();
    await rm(blob);
    const abort = new AbortController();
    const third = claimPartial(blob, { signal: abort.signal, onWait: () => abort.abort(new Error("enough")) });
    await expect(third).rejects.toThrow("enough");
    await first!.release();
  });

  it("of many at once gives each turn to one, and drops what is left over", async () => {
    const blob = await place("many");
    await writeFile(`${blob}.free-aaaaaaaaaaaa.partial`, "12345");
    await writeFile(`${blob}.free-bbbbbbbbbbbb.partial`, "123");
    let holders = 0;
    await Promise.all(
      Array.from({ length: 7 }, async () => {
        const claim = await claimPartial(blob, { pollSeconds: 0.005 });
        expect(++holders).toBe(1);
        expect(await readFile(claim!.path, "utf8")).toBe("12345");
        await new Promise((resolve) => setTimeout(resolve, 5));
        holders--;
        await claim!.release();
      }),
    );
    expect(await readdir(join(blob, ".."))).toHaveLength(1);
  });

  it("copies what a process of another machine has not touched for long, and waits for one that does", async () => {
    const blob = await place("silent");
    const other = `${blob}.00000000-1-cccccccccccc.partial`;
    await writeFile(other, "left");
    const waiting = claimPartial(blob, { pollSeconds: 0.01, abandonedSeconds: 30 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const longAgo = new Date(Date.now() - 31_000);
    await utimes(other, longAgo, longAgo);
    const claim = await waiting;
    expect([await readFile(claim!.path, "utf8"), existsSync(other)]).toEqual(["left", false]);
    await claim!.release();
  });
});
