// The laws of writeRows, and what donation means.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DeviceError } from "../../errors.ts";
import { extent, floats, opLaws, sharedDevice, testDeviceNames } from "../../testing/index.ts";
import { reshape } from "../reshape/op.ts";
import { writeRows, writeRowsOp } from "./op.ts";

opLaws(writeRowsOp, {
  cases: fc.tuple(extent(19), extent(11)).chain(([rowCount, width]) =>
    fc.uniqueArray(fc.nat({ max: rowCount - 1 }), { minLength: 1, maxLength: rowCount }).chain((rows) =>
      fc.record({
        inputs: fc.tuple(
          floats([rowCount, width]),
          floats([rows.length, width]),
          fc.constant({ shape: [rows.length], values: rows, dtype: "u32" as const }),
        ),
        attrs: fc.constant({}),
      }),
    ),
  ),
});

describe.each(testDeviceNames)("writeRows() on %s", (deviceName) => {
  it("takes over the memory of the cache, which is gone", async () => {
    const device = await sharedDevice(deviceName);
    const cache = device.tensor([1, 2, 3, 4], [2, 2]);
    const before = device.stats.liveBuffers;
    const rows = device.tensor([7, 8], [1, 2]);
    const index = device.tensor(Uint32Array.of(1), [1]);
    const written = writeRows(cache, rows, index);
    rows.dispose();
    index.dispose();
    expect(device.stats.liveBuffers).toBe(before);
    expect([...(await written.read())]).toEqual([1, 2, 7, 8]);
    await expect(async () => cache.read()).rejects.toThrow(DeviceError);
    written.dispose();
  });

  it("refuses a cache whose memory another tensor shares", async () => {
    const device = await sharedDevice(deviceName);
    device.scope(() => {
      const cache = device.tensor([1, 2, 3, 4], [2, 2]);
      reshape(cache, [4]);
      expect(() => writeRows(cache, device.tensor([7, 8], [1, 2]), device.tensor(Uint32Array.of(1), [1]))).toThrow(
        "donated",
      );
    });
  });
});
