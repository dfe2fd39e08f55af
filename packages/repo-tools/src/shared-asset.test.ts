// Tests of the root and asset lookup.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findRepositoryRoot, sharedAsset } from "./index.ts";

describe("findRepositoryRoot()", () => {
  it("finds the folder with turbo.json from anywhere inside", () => {
    const root = findRepositoryRoot();
    expect(existsSync(join(root, "turbo.json"))).toBe(true);
    expect(findRepositoryRoot(join(root, "packages/repo-tools/src"))).toBe(root);
  });

  it("throws outside a repository", () => {
    expect(() => findRepositoryRoot("/")).toThrow("no folder at or above / holds turbo.json");
  });
});

describe("sharedAsset()", () => {
  it("answers null for what is not there", () => {
    expect(sharedAsset("no/such/asset.json")).toBeNull();
  });
});
