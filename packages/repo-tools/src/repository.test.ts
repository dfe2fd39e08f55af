// Tests of reading the repository: this one, as it stands.
import { describe, expect, it } from "vitest";
import { folderOf, listPackages, readRepository, resolvePath } from "./repository.ts";
import { findRepositoryRoot } from "./shared-asset.ts";

describe("readRepository()", () => {
  it("lists tracked text and its packages, without build output", () => {
    const files = readRepository(findRepositoryRoot());
    expect(files.has("turbo.json")).toBe(true);
    expect([...files.keys()].some((path) => path.includes("node_modules/") || path.includes("/dist/"))).toBe(false);
    const own = listPackages(files).find((each) => each.key === "repo-tools");
    expect(own?.manifest.name).toBe("@dual-head/repo-tools");
  });
});

describe("resolvePath()", () => {
  it("resolves against a folder", () => {
    expect(resolvePath("a/b", "./c/../d.ts")).toBe("a/b/d.ts");
    expect(resolvePath("a/b", "../../c")).toBe("c");
    expect(resolvePath("", "./c")).toBe("c");
  });
});

describe("folderOf()", () => {
  it("is empty at the root", () => {
    expect([folderOf("a/b.ts"), folderOf("b.ts")]).toEqual(["a", ""]);
  });
});
