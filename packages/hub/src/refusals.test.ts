// Snapshots from a hub that refuses, lies, limits or does not answer: every way ends in a typed error with a remedy.
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findSnapshot, type HubEvent, pullSnapshot, requireRepositoryName } from "./index.ts";
import { type TestFault, testCommit } from "./testing/index.ts";
import { failure, model, name, onWeights, sha256, weights, world } from "./testing/world.ts";

describe("pullSnapshot() against a hub that refuses, lies or fails", () => {
  it("refuses lengths and hashes that are not those listed, and leaves nothing of them", async () => {
    const lies: readonly (readonly [TestFault, string])[] = [
      [{ announce: weights.length + 1 }, "length"],
      [{ announce: weights.length - 1 }, "length"],
      [{ corrupt: true }, "hash"],
    ];
    for (const [lie, fault] of lies) {
      await using here = await world(onWeights(lie, lie));
      const error = await failure(pullSnapshot(name, here.options));
      expect(error.facts).toMatchObject({ fault, path: "model.safetensors" });
      expect((await readdir(here.blobs)).filter((file) => file.startsWith(sha256(weights)))).toEqual([]);
      expect(existsSync(join(here.blobs, "../refs/main"))).toBe(false);
      expect(await findSnapshot(name, here.options)).toBeNull();
    }
  });

  it("waits as long as the server asks, and not longer than is bearable", async () => {
    const limited = { status: 429, headers: { "retry-after": "0" } };
    await using here = await world(({ kind, earlier }) => (kind !== "unknown" && earlier === 0 ? limited : undefined));
    const events: HubEvent[] = [];
    await pullSnapshot(name, { ...here.options, onEvent: (event) => events.push(event) });
    expect(events.filter(({ kind }) => kind === "retry").length).toBeGreaterThanOrEqual(3);
    await using busy = await world(() => ({ status: 429, headers: { "retry-after": "86400" } }));
    const error = await failure(pullSnapshot(name, busy.options));
    expect(error.facts).toMatchObject({ fault: "rate-limited", retryAfterSeconds: 86400 });
    expect(error.message).toContain("try again in 86400 s");
  });

  it("says what to do about private, gated and absent repositories", async () => {
    const repositories = {
      "owner/private": { ...model, token: "right" },
      "owner/gated": { ...model, token: "right", gated: true },
    };
    await using here = await world(undefined, repositories);
    const pull = (repository: string, token: string | null) =>
      pullSnapshot(requireRepositoryName(repository), { ...here.options, settings: { ...here.settings, token } });
    const say = async (repository: string, token: string | null) => {
      const { facts, message } = await failure(pull(repository, token));
      return `${facts.fault}: ${message}`;
    };
    expect(await say("owner/private", null)).toMatch(/^unauthorised: .*set HF_TOKEN$/);
    expect(await say("owner/private", "wrong")).toMatch(/^unauthorised: .*check HF_TOKEN$/);
    expect(await say("owner/gated", null)).toMatch(/^gated: .*accept its terms at .*owner\/gated and set HF_TOKEN$/);
    expect(await say("owner/gated", "wrong")).toMatch(/^gated: .*account of HF_TOKEN/);
    expect(await say("owner/absent", null)).toMatch(/^unauthorised: .*no such repository, or it is private/);
    expect(await say("owner/absent", "right")).toMatch(/^not-found: .*no such repository/);
    expect((await pull("owner/private", "right")).files).toHaveLength(4);
  });

  it("sends the token to the hub and to no other origin", async () => {
    let elsewhere = "";
    await using here = await world(
      ({ kind, path, headers }) =>
        kind === "file" && path === "model.safetensors" && !headers.host!.startsWith("localhost")
          ? { redirect: elsewhere }
          : undefined,
      { "owner/model": model },
    );
    elsewhere = here.hub.otherOrigin;
    await pullSnapshot(name, { ...here.options, settings: { ...here.settings, token: "secret" } });
    const authorised = (local: boolean) =>
      here.hub.requests
        .filter(({ headers }) => headers.host!.startsWith("localhost") === local)
        .map(({ headers }) => headers.authorization);
    expect(new Set(authorised(false))).toEqual(new Set(["Bearer secret"]));
    expect(authorised(true)).toEqual([undefined]);
  });

  it("refuses paths that would leave the cache", async () => {
    for (const path of ["../../evil.json", "/etc/evil.json", "a/../../../evil.json", "..\\evil.json", "C:evil.json"]) {
      await using here = await world(undefined, { "owner/model": { files: { ...model.files, [path]: "evil" } } });
      const error = await failure(pullSnapshot(name, here.options));
      expect(error.facts.fault).toBe("unsafe-path");
    }
    const index = JSON.stringify({ weight_map: { a: "../../../x.safetensors" } });
    await using here = await world(undefined, { "owner/model": { files: { "model.safetensors.index.json": index } } });
    expect((await failure(pullSnapshot(name, here.options))).facts.fault).toBe("not-found");
  });

  it("answers nonsense with a typed error (seed 8)", async () => {
    let body = "";
    await using here = await world(({ kind }) =>
      kind === "info" || kind === "list"
        ? { status: 200, headers: { "content-type": "application/json" }, body }
        : undefined,
    );
    const sha = testCommit("1");
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.json(), fc.string()), async (text) => {
        body = text;
        await failure(pullSnapshot(name, here.options));
      }),
      {
        seed: 8,
        numRuns: 60,
        examples: [['{"sha":"main"}'], [`{"sha":"${sha}"}`], [`[{"type":"file","path":"x","size":-1}]`], ["null"]],
      },
    );
  });

  it("names a hub that does not answer", async () => {
    const here = await world();
    await here[Symbol.asyncDispose]();
    const error = await failure(pullSnapshot(name, here.options));
    expect(error.message).toMatch(/gives no answer \(ECONNREFUSED\); check the network and HF_ENDPOINT/);
  });
});
