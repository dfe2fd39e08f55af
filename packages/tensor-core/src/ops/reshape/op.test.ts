// A view costs nothing, keeps its memory alive, and carries gradients back.
import { describe, expect, it } from "vitest";
import { valueAndGrad } from "../../autodiff/value-and-grad.ts";
import { ShapeError } from "../../errors.ts";
import { sharedDevice, testDeviceNames } from "../../testing/index.ts";
import { multiply } from "../binary/op.ts";
import { sumTo } from "../broadcast/op.ts";
import { reshape } from "./op.ts";

describe.each(testDeviceNames)("reshape() on %s", (deviceName) => {
  it("shares memory until the last view is disposed", async () => {
    const device = await sharedDevice(deviceName);
    const before = device.stats.liveBuffers;
    const x = device.tensor([1, 2, 3, 4, 5, 6], [2, 3]);
    const view = reshape(x, [3, 2]);
    expect(device.stats.liveBuffers).toBe(before + 1);
    x.dispose();
    expect([...(await view.read())]).toEqual([1, 2, 3, 4, 5, 6]);
    view.dispose();
    expect(device.stats.liveBuffers).toBe(before);
  });

  it("carries gradients back in the shape of its input", async () => {
    const device = await sharedDevice(deviceName);
    const { grad } = valueAndGrad((x: ReturnType<typeof device.tensor>) => {
      const row = reshape(x, [6]);
      return sumTo(multiply(row, row), []);
    })(device.tensor([1, 2, 3, 4, 5, 6], [2, 3]));
    expect(grad.shape).toEqual([2, 3]);
    expect([...(await grad.read())]).toEqual([2, 4, 6, 8, 10, 12]);
    grad.dispose();
  });

  it("throws a ShapeError where the size differs", async () => {
    const device = await sharedDevice(deviceName);
    expect(() => reshape(device.tensor([1, 2], [2]), [3])).toThrow(ShapeError);
  });
});
