// Hashes against the platform's own: of sources, and in plain JavaScript however the bytes are cut.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memorySource, sha256 } from "./index.ts";
import { Sha256 } from "./sha256-digest.ts";

describe("sha256()", () => {
  it("equals the platform's hash of the concatenation", async () => {
    const first = new Uint8Array(2_500_007).fill(7);
    const second = new TextEncoder().encode("second");
    const expected = createHash("sha256").update(first).update(second).digest("hex");
    expect(await sha256(memorySource(first, "a"), memorySource(second, "b"))).toBe(expected);
  });
});

describe("Sha256", () => {
  const hashOf = (...parts: readonly Uint8Array[]) => {
    const hash = new Sha256();
    for (const part of parts) hash.update(part);
    return hash.digest("hex");
  };

  it("has the published digest of abc", () => {
    expect(hashOf(new TextEncoder().encode("abc"))).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });

  it("equals the platform's hash, however the bytes are cut (seed 44)", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 }), (parts) => {
        expect(hashOf(...parts)).toBe(createHash("sha256").update(Buffer.concat(parts)).digest("hex"));
      }),
      { seed: 44, numRuns: 200 },
    );
    for (let size = 0; size < 200; size++) {
      const bytes = new Uint8Array(size).fill(size);
      expect(hashOf(bytes)).toBe(createHash("sha256").update(bytes).digest("hex"));
    }
  });
});
