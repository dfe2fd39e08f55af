// Hashes against the platform's own: of sources, and in plain JavaScript however the bytes are cut.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memorySource, PrefixHash, sha256 } from "./index.ts";
import { Sha256 } from "./sha256-digest.ts";
import { countedSource } from "./testing/index.ts";

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

describe("PrefixHash", () => {
  it("equals the hash of the whole, whatever was read in whatever order, and reads nothing twice in order (seed 45)", async () => {
    const content = Uint8Array.from({ length: 211 }, (_, index) => index);
    const sizes = [101, 0, 110];
    const reads = fc.array(fc.tuple(fc.nat(210), fc.nat(60)), { maxLength: 9 });
    await fc.assert(
      fc.asyncProperty(reads, fc.boolean(), async (drawn, inOrder) => {
        let start = 0;
        const parts = sizes.map((size) => {
          start += size;
          return content.subarray(start - size, start);
        });
        const sources = parts.map((part, index) => countedSource(memorySource(part, `${index}`)));
        const hash = new PrefixHash(sources);
        const wanted = inOrder ? drawn.toSorted(([a], [b]) => a - b) : drawn;
        await Promise.all(
          wanted.map(([from, length]) => {
            const index = from < 101 ? 0 : 2;
            const offset = from < 101 ? from : from - 101;
            return hash.take(sources[index]!, offset, parts[index]!.subarray(offset, offset + length));
          }),
        );
        const passed = hash.hashedBytes;
        const before = sources.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
        expect(await hash.digest()).toBe(createHash("sha256").update(content).digest("hex"));
        expect(await hash.digest()).toBe(await hash.digest());
        const after = sources.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
        expect(after - before).toBe(content.length - passed);
      }),
      { seed: 45, numRuns: 100 },
    );
  });

  it("of two thirds read in order reads the last third only", async () => {
    const source = countedSource(memorySource(new Uint8Array(300).fill(3), "m"));
    const hash = new PrefixHash([source]);
    for (const offset of [0, 100]) await hash.take(source, offset, new Uint8Array(100).fill(3));
    expect(source.bytesRead).toBe(0);
    await hash.digest();
    expect(source.ranges).toEqual([{ offset: 200, length: 100 }]);
  });
});
