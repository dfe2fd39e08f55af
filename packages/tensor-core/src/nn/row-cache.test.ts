// Slots of rows on every device against a plain model: any sequence of opens, writes, forks, cuts and closes.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sharedDevice, testDeviceNames } from "../testing/index.ts";
import { SlotError } from "./page-table.ts";
import { createRowCache } from "./row-cache.ts";

const command = fc.oneof(
  fc.record({ kind: fc.constant("open" as const) }),
  fc.record({ kind: fc.constant("write" as const), which: fc.nat(7), count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant("fork" as const), which: fc.nat(7) }),
  fc.record({ kind: fc.constant("truncate" as const), which: fc.nat(7), keep: fc.nat(5) }),
  fc.record({ kind: fc.constant("close" as const), which: fc.nat(7) }),
);

describe.each(testDeviceNames)("createRowCache() on %s", (deviceName) => {
  it("behaves like lists of rows", async () => {
    const device = await sharedDevice(deviceName);
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 25, size: "max" }), async (commands) => {
        const [slotCount, capacity, width] = [3, 7, 2];
        using cache = createRowCache(device, { slotCount, capacity, pageSize: 3, widths: [width] });
        const model = new Map<number, number[]>();
        let next = 1;
        const take = (slot: number, rows: number[]) => {
          expect(model.has(slot), "a slot in use is given out again").toBe(false);
          model.set(slot, rows);
        };
        for (const step of commands) {
          if (step.kind === "open") {
            if (model.size === slotCount) expect(() => cache.open()).toThrow(SlotError);
            else take(cache.open(), []);
            continue;
          }
          const slot = [...model.keys()][step.which % Math.max(1, model.size)];
          if (slot === undefined) continue;
          const rows = model.get(slot)!;
          if (step.kind === "write") {
            const positions = Uint32Array.from({ length: step.count }, (_, index) => rows.length + index);
            const batch = { slots: new Uint32Array(step.count).fill(slot), positions };
            if (rows.length + step.count > capacity) {
              expect(() => cache.extend(batch)).toThrow("capacity");
              continue;
            }
            cache.extend(batch);
            const values = Array.from(positions, () => next++);
            const tensor = device.tensor(
              values.flatMap((value) => [value, -value]),
              [step.count, width],
            );
            cache.write(0, tensor, batch);
            tensor.dispose();
            rows.push(...values);
          } else if (step.kind === "fork") {
            if (model.size === slotCount) expect(() => cache.fork(slot)).toThrow(SlotError);
            else take(cache.fork(slot), [...rows]);
          } else if (step.kind === "truncate") {
            if (step.keep > rows.length) expect(() => cache.truncate(slot, step.keep)).toThrow(SlotError);
            else {
              cache.truncate(slot, step.keep);
              rows.length = step.keep;
            }
          } else {
            cache.close(slot);
            model.delete(slot);
          }
        }
        const held = await cache.matrix(0).read();
        for (const [slot, rows] of model) {
          expect(cache.length(slot)).toBe(rows.length);
          const batch = { slots: rows.map(() => slot), positions: rows.map((_, row) => row) };
          const at = cache.rows({ slots: Uint32Array.from(batch.slots), positions: Uint32Array.from(batch.positions) });
          expect(Array.from(at, (row) => held[row * width])).toEqual(rows);
        }
        for (const slot of model.keys()) cache.close(slot);
        expect(cache.freeRows).toBe(cache.rowCount);
      }),
      { seed: 17, numRuns: 30 },
    );
  });

  it("refuses gaps, names the next position, and gives windows as ranges", async () => {
    const device = await sharedDevice(deviceName);
    using cache = createRowCache(device, { slotCount: 2, capacity: 5, widths: [1] });
    const slot = cache.open();
    expect(() => cache.extend({ slots: Uint32Array.of(slot), positions: Uint32Array.of(1) })).toThrow(
      "its next position is 0",
    );
    const batch = { slots: Uint32Array.of(slot, slot, slot), positions: Uint32Array.of(0, 1, 2) };
    cache.extend(batch);
    const base = slot * 5;
    expect([...cache.ranges(batch)]).toEqual([base, base + 1, base, base + 2, base, base + 3]);
    expect([...cache.ranges(batch, 2)]).toEqual([base, base + 1, base, base + 2, base + 1, base + 3]);
  });
});
