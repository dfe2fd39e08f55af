// What the gate keeps of a sequence, beside the hidden states the paper compares it with and the backbone's own cache.
import { attentionGate } from "@dual-head/gating";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backboneCacheNumbers, gateCacheNumbers, llamaShapes } from "../counts.ts";
import { searchCounterexample } from "../testing/search.ts";

const seed = 20261103;

/**
 * @section Complexity
 * @claim The gate's attention takes O(T²h) ≪ O(T·d) of memory; at T = 128, h = 8, d = 4096 it is below 5 %.
 * @verdict false
 * @statement T²h over T·d is T·h/d: 25 % at these numbers, and below 5 % only for T ≤ 25. Decoding needs no T² at all: it
 * keeps 2Tr numbers (0.24 % of LLaMA-7B's own cache at r = 320), folded T(r + h), half of that, whatever the backbone.
 */
describe("the gate's memory at decode is 2Tr numbers, and T²h is 25 % of Td", () => {
  it(`has the ratio T·h/d (seed ${seed})`, async () => {
    const extents = [
      fc.integer({ min: 1, max: 4096 }),
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 64, max: 8192 }),
    ] as const;
    const share = (length: number, heads: number, size: number) => (length * length * heads) / (length * size);
    fc.assert(
      fc.property(...extents, (length, heads, size) => {
        expect(share(length, heads, size)).toBeCloseTo((length * heads) / size, 9);
      }),
      { seed },
    );
    expect(share(128, 8, 4096)).toBe(0.25);
    const below = Array.from({ length: 128 }, (_, at) => at + 1).filter((T) => share(T, 8, 4096) < 0.05);
    expect([below[0], below.at(-1), below.length]).toEqual([1, 25, 25]);
    const [length] = await searchCounterexample(
      fc.property(fc.integer({ min: 1, max: 128 }), (T) => share(T, 8, 4096) < 0.05),
      seed,
    );
    expect(length).toBe(26);
  });

  it("is 0.24 % of the backbone's own cache at r = 320, folded half of that", () => {
    const own = backboneCacheNumbers(llamaShapes["7B"], 128);
    const gate = gateCacheNumbers({ gateWidth: 320, gateHeads: 8 }, 128);
    expect((100 * gate.gatePrinted) / own).toBeCloseTo(0.24, 2);
    expect(gate.gateFolded / gate.gatePrinted).toBeCloseTo(0.5, 1);
  });

  it(`is what a history of the gate takes on a device (seed ${seed})`, async () => {
    const device = await sharedDevice("cpu");
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 67 }),
        fc.integer({ min: 1, max: 3 }),
        (size, gateHeads, capacity, slotCount) => {
          const gateWidth = size * gateHeads;
          const gate = attentionGate({ hiddenSize: 5, width: gateWidth, headCount: gateHeads });
          const before = device.stats.bytes;
          using history = gate.createHistory(device, { slotCount, capacity });
          const counted = gateCacheNumbers({ gateWidth, gateHeads }, capacity);
          // float32: four bytes a number; a slot's last page is whole.
          const rowsOfSlot = Math.ceil(capacity / history.pageSize) * history.pageSize;
          expect(history.rowCount).toBe(slotCount * rowsOfSlot);
          expect((device.stats.bytes - before) * capacity).toBe(4 * slotCount * counted.gateFolded * rowsOfSlot);
          expect(counted.gateFolded).toBeLessThanOrEqual(counted.gatePrinted);
        },
      ),
      { seed, numRuns: 30 },
    );
  });
});
