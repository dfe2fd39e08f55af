// The prefix cache beside a list of what was stored: what is found, what is given up first, bytes, and pages that come
// back. A backbone that computes nothing serves: only its slots matter here.
import type { Device } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Backbone, createTokenBatch } from "./backbone.ts";
import { createKvCache } from "./kv-cache.ts";
import { createPrefixCache, type PrefixCache } from "./prefix-cache.ts";

const pageSize = 2;
const hiddenSize = 3;
const bytesPerRow = 8 * (1 + 1 + hiddenSize);

function openCache(device: Device, pages: number, window?: number): PrefixCache {
  const backbone: Pick<Backbone<null>, "config" | "createCache"> = {
    config: { hiddenSize, vocabSize: 3, maxTokens: 40, layerCount: 1 },
    createCache: (on, extent) => createKvCache(on, { ...extent, window, layerCount: 1, keySize: 1, valueSize: 1 }),
  };
  const prefixBytes = pages * pageSize * bytesPerRow;
  const extents = { slotCount: 2, capacity: 40, pageSize, chunkSize: 4, prefixBytes };
  return createPrefixCache(backbone as Backbone<null>, device, extents);
}

/** Stores a sequence as a policy does: a slot is filled in chunks, full pages are kept, the slot closes. */
function store(prefixes: PrefixCache, tokens: readonly number[]): void {
  const { cache } = prefixes;
  const slot = cache.open();
  for (let from = 0; from < tokens.length; from += 3) {
    cache.extend(createTokenBatch([{ slot, tokens: tokens.slice(from, from + 3) }], () => from));
    prefixes.store(slot, tokens.slice(0, from + 3));
  }
  cache.close(slot);
}

/** Full pages that two sequences begin with alike. */
function commonPages(a: readonly number[], b: readonly number[]): number {
  const differs = a.findIndex((token, at) => token !== b[at]);
  return Math.floor((differs < 0 ? a.length : differs) / pageSize);
}

const tokens = fc.array(fc.nat({ max: 2 }), { maxLength: 11, size: "max" });
const stored = fc.array(tokens, { maxLength: 12, size: "max" });

describe("createPrefixCache()", () => {
  it("finds the longest prefix of all that was stored where there is room for all", async () => {
    const device = await sharedDevice("reference");
    fc.assert(
      fc.property(stored, tokens, (sequences, asked) => {
        using prefixes = openCache(device, 60);
        for (const sequence of sequences) store(prefixes, sequence);
        const longest = sequences.reduce((most, sequence) => Math.max(most, commonPages(asked, sequence)), 0);
        expect(prefixes.match(asked).length).toBe(longest);
      }),
      { seed: 41, numRuns: 60 },
    );
  });

  it("never exceeds its bytes, finds what was stored last, and gives all pages back", async () => {
    const device = await sharedDevice("reference");
    fc.assert(
      fc.property(stored, fc.integer({ min: 0, max: 6 }), (sequences, pages) => {
        using prefixes = openCache(device, pages);
        const { cache } = prefixes;
        expect(prefixes.maxBytes).toBe(pages * pageSize * bytesPerRow);
        for (const sequence of sequences) {
          store(prefixes, sequence);
          expect(prefixes.bytes).toBeLessThanOrEqual(prefixes.maxBytes);
          expect(cache.rowCount - cache.freeRows).toBe(prefixes.bytes / bytesPerRow);
          expect(prefixes.match(sequence).length).toBe(Math.min(pages, Math.floor(sequence.length / pageSize)));
        }
        prefixes.clear();
        expect([prefixes.bytes, cache.freeRows]).toEqual([0, cache.rowCount]);
      }),
      { seed: 42, numRuns: 60 },
    );
  });

  it("gives up the least recently used first, the end of a prefix before its beginning", async () => {
    using prefixes = openCache(await sharedDevice("reference"), 4);
    const found = (sequence: readonly number[]) => prefixes.match(sequence).length;
    store(prefixes, [0, 0, 0, 1]);
    store(prefixes, [1, 1, 1, 2]);
    expect(found([0, 0, 0, 1])).toBe(2);
    store(prefixes, [2, 2]);
    expect([found([1, 1, 1, 2]), found([0, 0, 0, 1]), found([2, 2])]).toEqual([1, 2, 1]);
  });

  it("keeps pages that a slot shares after giving them up, and those of a window as long as it sees them", async () => {
    const device = await sharedDevice("reference");
    using prefixes = openCache(device, 2);
    const { cache } = prefixes;
    store(prefixes, [0, 1, 2, 0]);
    const slot = cache.open();
    cache.adopt(slot, prefixes.match([0, 1, 2, 0, 1]));
    prefixes.clear();
    expect([cache.length(slot), cache.rowCount - cache.freeRows]).toEqual([4, 4]);
    using narrow = openCache(device, 20, 3);
    const sequence = Array.from({ length: 40 }, (_, at) => at % 3);
    store(narrow, sequence);
    expect(narrow.match(sequence).length).toBe(20);
    const late = narrow.cache.open();
    narrow.cache.adopt(late, narrow.match(sequence));
    narrow.clear();
    narrow.store(late, sequence);
    expect(narrow.match(sequence).length).toBe(0);
  });
});
