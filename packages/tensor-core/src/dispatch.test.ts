// What an op that fails leaves behind: nothing, and its inputs as they were.
import { describe, expect, it } from "vitest";
import { valueAndGrad } from "./autodiff/value-and-grad.ts";
import { apply } from "./dispatch.ts";
import { GradientError } from "./errors.ts";
import { affine } from "./ops/affine/op.ts";
import { multiply } from "./ops/binary/op.ts";
import { sumTo } from "./ops/broadcast/op.ts";
import { gatherRows } from "./ops/gather-rows/op.ts";
import { defineOp, type OpDefinition } from "./ops/op.ts";
import { reshape } from "./ops/reshape/op.ts";
import { writeRows } from "./ops/write-rows/op.ts";
import type { Tensor } from "./tensor.ts";
import { sharedDevice, testDeviceNames } from "./testing/index.ts";

function fail(): never {
  throw new Error("on purpose");
}

/** Takes over its first input and makes a second output, then fails. */
const failing: OpDefinition<null> = defineOp({
  name: "failing",
  infer: ([x]) => [x!, x!],
  reference: fail,
  cpu: fail,
  wgsl: fail,
  donates: [0],
  vjp: "nondifferentiable",
});

/** y = x, without a way back. */
const copying: OpDefinition<null> = defineOp({ ...failing, name: "copying", donates: [], view: true, vjp: fail });

describe.each(testDeviceNames)("apply() on %s", (deviceName) => {
  it("frees the outputs of an op that fails and gives back what was donated", async () => {
    const device = await sharedDevice(deviceName);
    const x = device.tensor([1, 2], [2, 1]);
    const before = device.stats.liveBuffers;
    expect(() => apply(failing, [x], null)).toThrow("on purpose");
    expect(device.stats.liveBuffers).toBe(before);
    const written = writeRows(x, device.tensor([9], [1, 1]), device.tensor(Uint32Array.of(1), [1]));
    expect([...(await written.read())]).toEqual([1, 9]);
  });

  it("refuses to take over memory that another tensor or input shares", async () => {
    const device = await sharedDevice(deviceName);
    const x = device.tensor([1, 2], [2, 1]);
    const index = device.tensor(Uint32Array.of(1, 0), [2]);
    expect(() => writeRows(x, x, index)).toThrow("another tensor shares its memory");
    const view = reshape(x, [2]);
    expect(() => writeRows(x, gatherRows(x, index), index)).toThrow("another tensor shares its memory");
    view.dispose();
    expect([...(await writeRows(x, gatherRows(x, index), index).read())]).toEqual([1, 2]);
    expect(() => affine(x, 1, 0)).toThrow("disposed");
  });

  it("leaves no buffers behind when a gradient rule fails half way", async () => {
    const device = await sharedDevice(deviceName);
    const x = device.tensor([1, 2], [2]);
    const before = device.stats.liveBuffers;
    const f = (y: Tensor) => {
      const copy = apply(copying, [multiply(y, y)], null)[0]!;
      return sumTo(multiply(copy, multiply(y, y)), []);
    };
    expect(() => valueAndGrad(f)(x)).toThrow("on purpose");
    expect(device.stats.liveBuffers).toBe(before);
    expect(() =>
      valueAndGrad((y: Tensor) => sumTo(apply({ ...copying, vjp: "nondifferentiable" }, [y], null)[0]!, []))(x),
    ).toThrow(GradientError);
    expect(device.stats.liveBuffers).toBe(before);
  });

  it("has gradient 1 for a leaf that is the value itself", async () => {
    const device = await sharedDevice(deviceName);
    const x = device.tensor([3], []);
    const { value, grad } = valueAndGrad((y: Tensor) => y)(x);
    expect([...(await value.read()), ...(await grad.read())]).toEqual([3, 1]);
  });
});
