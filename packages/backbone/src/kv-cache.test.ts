// The slot table of keys and values, and the checks of batches, without any model.
import { SlotError } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkTokens, createTokenBatch, TokenError } from "./backbone.ts";
import { createKvCache } from "./kv-cache.ts";

const config = { hiddenSize: 3, vocabSize: 5, maxTokens: 7, layerCount: 2 };

describe("createKvCache()", () => {
  it("keeps the rows of layers, keys and values apart", async () => {
    const device = await sharedDevice("reference");
    const { liveBuffers } = device.stats;
    {
      using cache = createKvCache(device, { slotCount: 2, capacity: 3, layerCount: 2, keySize: 2, valueSize: 1 });
      const [first, second] = [cache.open(), cache.open()];
      const batch = createTokenBatch(
        [
          { slot: second, tokens: [4] },
          { slot: first, tokens: [1, 2] },
        ],
        (slot) => cache.length(slot),
      );
      expect([...batch.positions]).toEqual([0, 0, 1]);
      cache.extend(batch);
      device.scope(() =>
        cache.write(1, device.tensor([1, 2, 3, 4, 5, 6], [3, 2]), device.tensor([7, 8, 9], [3, 1]), batch),
      );
      const at = (slot: number, position: number) => slot * 3 + position;
      const keys = await cache.keys(1).read();
      const values = await cache.values(1).read();
      expect([...keys.slice(2 * at(second, 0), 2 * at(second, 0) + 2)]).toEqual([1, 2]);
      expect([...keys.slice(2 * at(first, 0), 2 * at(first, 0) + 4)]).toEqual([3, 4, 5, 6]);
      expect([values[at(second, 0)], values[at(first, 0)], values[at(first, 1)]]).toEqual([7, 8, 9]);
      expect((await cache.keys(0).read()).every((value) => value === 0)).toBe(true);
      expect([...cache.ranges(batch)]).toEqual([
        at(second, 0),
        at(second, 1),
        at(first, 0),
        at(first, 1),
        at(first, 0),
        at(first, 2),
      ]);
      expect([...cache.ranges(batch, 1)].slice(4)).toEqual([at(first, 1), at(first, 2)]);
      expect(() =>
        cache.extend(createTokenBatch([{ slot: first, tokens: [0, 0] }], (slot) => cache.length(slot))),
      ).toThrow(SlotError);
    }
    expect(device.stats.liveBuffers).toBe(liveBuffers);
  });
});

describe("canTruncate()", () => {
  it("says whether truncate() would do it, whatever was fed, cut and forked before", async () => {
    const device = await sharedDevice("reference");
    const step = fc.record({ kind: fc.constantFrom("feed", "cut", "fork"), count: fc.integer({ min: 1, max: 4 }) });
    const extents = fc.record({
      pageSize: fc.integer({ min: 1, max: 5 }),
      window: fc.option(fc.integer({ min: 1, max: 11 }), { nil: undefined }),
    });
    let refused = 0;
    const steps = fc.array(step, { minLength: 5, maxLength: 17, size: "max" });
    const property = fc.property(extents, steps, (own, all) => {
      const options = { slotCount: 3, capacity: 37, chunkSize: 5, layerCount: 1, keySize: 1, valueSize: 1, ...own };
      using cache = createKvCache(device, options);
      let slot = cache.open();
      for (const { kind, count } of all) {
        const length = cache.length(slot);
        if (kind === "feed" && length + count <= 37) {
          cache.extend(createTokenBatch([{ slot, tokens: new Array(count).fill(0) }], () => length));
        } else if (kind === "cut") {
          const to = Math.max(0, length - count);
          if (cache.canTruncate(slot, to)) cache.truncate(slot, to);
        } else if (kind === "fork") {
          const copy = cache.fork(slot);
          cache.close(slot);
          slot = copy;
        }
      }
      for (let to = -1; to <= cache.length(slot) + 1; to++) {
        const copy = cache.fork(slot);
        const free = cache.freeRows;
        const can = cache.canTruncate(copy, to);
        expect(cache.freeRows).toBe(free);
        if (can) cache.truncate(copy, to);
        else expect(() => cache.truncate(copy, to)).toThrow(SlotError);
        if (!can && to > 0 && to < cache.length(slot)) refused++;
        cache.close(copy);
      }
    });
    fc.assert(property, { numRuns: 200, seed: 20261126 });
    expect(refused).toBeGreaterThan(100);
  });
});

describe("checkTokens()", () => {
  it("names the row of a token or position that does not fit", () => {
    const check = (tokens: number[], positions: number[]) => () =>
      checkTokens(config, Uint32Array.from(tokens), Uint32Array.from(positions));
    expect(check([4, 0], [0, 6])).not.toThrow();
    expect(check([4, 5], [0, 1])).toThrow(
      "Cannot run the backbone on row 1: token 5 is not below the vocabulary size 5",
    );
    expect(check([4, 0], [0, 7])).toThrow("Cannot run the backbone on row 1: position 7 is not below the 7 positions");
    expect(check([], [])).toThrow(TokenError);
    expect(check([1], [])).toThrow("1 tokens come with 0 positions");
  });
});
