// A repository looked into by ranges: nothing of it is fetched whole, and the token goes along.
import { describe, expect, it } from "vitest";
import { openRepository } from "./index.ts";
import { testCommit } from "./testing/index.ts";
import { failure, model, name, weights, world } from "./testing/world.ts";

describe("openRepository()", () => {
  it("lists lengths and reads ranges, at the commit of the listing", async () => {
    await using here = await world(undefined, { "owner/model": { ...model, token: "t" } });
    const remote = await openRepository(name, { ...here.options, settings: { ...here.settings, token: "t" } });
    expect([remote.commit, remote.sizes.get("model.safetensors")]).toEqual([testCommit("1"), weights.length]);
    const source = await remote.open("model.safetensors");
    expect(await source.read(1000, 17)).toEqual(weights.slice(1000, 1017));
    await source.close();
    const files = here.hub.requests.filter(({ kind }) => kind === "file");
    expect(files.map(({ headers }) => headers.range)).toEqual(["bytes=0-0", "bytes=1000-1016"]);
  });
  it("names what is missing, and refuses offline", async () => {
    await using here = await world();
    const remote = await openRepository(name, here.options);
    expect((await failure(remote.open("absent"))).message).toContain("has no such file");
    const offline = openRepository(name, { ...here.options, settings: { ...here.settings, offline: true } });
    expect((await failure(offline)).facts.fault).toBe("offline");
  });
});
