// The slot table of keys and values, and the checks of batches, without any model.
import { SlotError } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
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
