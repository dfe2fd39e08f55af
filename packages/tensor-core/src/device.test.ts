// Devices and scopes: choosing one, what lives and what is freed, and what is refused.
import { describe, expect, it } from "vitest";
import { openDevice } from "./device.ts";
import { DeviceError, ShapeError } from "./errors.ts";
import { affine } from "./ops/affine/op.ts";
import { add } from "./ops/binary/op.ts";
import { sharedDevice, testDeviceNames } from "./testing/index.ts";

describe.each(testDeviceNames)("a %s device", (deviceName) => {
  it("reads back what was written, as a copy", async () => {
    const device = await sharedDevice(deviceName);
    const tensor = device.tensor([1.5, -2, 3], [3]);
    const first = await tensor.read();
    first[0] = 99;
    expect([...(await tensor.read())]).toEqual([1.5, -2, 3]);
    expect(tensor.dtype).toBe(device.floatDtype);
  });

  it("keeps u32 values exact", async () => {
    const device = await sharedDevice(deviceName);
    const ids = Uint32Array.of(0, 1, 2 ** 31, 2 ** 32 - 1);
    expect([...(await device.tensor(ids, [4]).read())]).toEqual([...ids]);
  });

  it("frees what a scope made but not what it returns or keeps, through nested scopes", async () => {
    const device = await sharedDevice(deviceName);
    const before = device.stats.liveBuffers;
    let kept: ReturnType<typeof device.tensor> | undefined;
    const out = device.scope(() => {
      const a = device.tensor([1], [1]);
      kept = device.keep(affine(a, 2, 0));
      const inner = device.scope(() => ({ b: add(a, a), unused: [add(a, a)] }));
      return { result: inner.b };
    });
    expect(device.stats.liveBuffers).toBe(before + 2);
    expect([...(await out.result.read())]).toEqual([2]);
    out.result.dispose();
    out.result.dispose();
    kept?.dispose();
    expect(device.stats.liveBuffers).toBe(before);
  });

  it("counts the most bytes held since its peak was reset", async () => {
    const device = await sharedDevice(deviceName);
    using kept = device.tensor(new Float32Array(7), [7]);
    device.resetPeak();
    const { bytes, peakBytes } = device.stats;
    expect(peakBytes).toBe(bytes);
    device.scope(() => void affine(kept, 2, 0));
    expect(device.stats.bytes).toBe(bytes);
    expect(device.stats.peakBytes).toBeGreaterThan(bytes);
    device.resetPeak();
    expect(device.stats.peakBytes).toBe(bytes);
  });

  it("frees what a scope made when its body throws", async () => {
    const device = await sharedDevice(deviceName);
    const before = device.stats.liveBuffers;
    expect(() =>
      device.scope(() => {
        device.tensor([1], [1]);
        throw new Error("on purpose");
      }),
    ).toThrow("on purpose");
    expect(device.stats.liveBuffers).toBe(before);
  });

  it("refuses async scopes, disposed tensors, and values that do not fill the shape", async () => {
    const device = await sharedDevice(deviceName);
    expect(() => device.scope(async () => {})).toThrow("async");
    const gone = device.tensor([1], [1]);
    gone.dispose();
    expect(() => affine(gone, 1, 1)).toThrow(DeviceError);
    expect(() => device.tensor([1, 2, 3], [2])).toThrow(ShapeError);
  });

  it("refuses inputs of two devices and use after dispose", async () => {
    const [device, other] = [await sharedDevice(deviceName), await openDevice("reference")];
    const [a, b] = [device.tensor([1], [1]), other.tensor([1], [1])];
    expect(() => add(a, b)).toThrow("two devices");
    other.dispose();
    expect(() => other.tensor([1], [1])).toThrow("disposed");
  });
});

describe("openDevice()", () => {
  it("says which device auto took and why", async () => {
    const device = await openDevice("auto", { threads: 1 });
    expect(["cpu", "webgpu"]).toContain(device.name);
    expect(device.why.length).toBeGreaterThan(10);
    device.dispose();
  });

  it("has f64 on reference only", async () => {
    expect((await sharedDevice("reference")).floatDtype).toBe("f64");
    const cpu = await sharedDevice("cpu");
    expect(() => cpu.tensor([1], [1], "f64")).toThrow(DeviceError);
  });
});
