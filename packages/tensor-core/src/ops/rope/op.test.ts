// The laws of rope, and that rotating back restores the input.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { apply } from "../../dispatch.ts";
import { checkClose, floats, opLaws, sharedDevice, testDeviceNames } from "../../testing/index.ts";
import { rope, ropeOp } from "./op.ts";

const headSizes = fc.constantFrom([2, 2], [6, 6], [10, 10], [10, 6], [14, 10], [12, 2]);

opLaws(ropeOp, {
  cases: fc
    .tuple(fc.constantFrom(1, 5, 7), fc.constantFrom(1, 3), headSizes)
    .chain(([rowCount, heads, [headSize, turned]]) =>
      fc.record({
        inputs: fc.tuple(floats([rowCount, heads * headSize!]), floats([rowCount, turned!])),
        attrs: fc.record({ inverse: fc.boolean(), headSize: fc.constant(headSize!) }),
      }),
    ),
  differentiable: () => [0],
});

describe.each(testDeviceNames)("rope() on %s", (deviceName) => {
  it("is undone by its inverse for true rotations", async () => {
    const device = await sharedDevice(deviceName);
    const angles = [0.3, 2.1, -1.7];
    const rotation = device.tensor([...angles.map(Math.cos), ...angles.map(Math.sin)], [1, 6]);
    const values = Array.from({ length: 12 }, (_, index) => Math.sin(index + 1));
    const back = apply(ropeOp, [rope(device.tensor(values, [1, 12]), rotation), rotation], {
      inverse: true,
      headSize: 6,
    })[0]!;
    checkClose("the restored rows", await back.read(), values, 1e-6);
  });

  it("leaves what lies past the rotation as it is", async () => {
    const device = await sharedDevice(deviceName);
    const rotation = device.tensor([Math.cos(1), Math.sin(1)], [1, 2]);
    const y = await rope(device.tensor([1, 0, 5, 6, 0, 1, 7, 8], [1, 8]), rotation, 4).read();
    const [c, s] = [Math.cos(1), Math.sin(1)];
    checkClose("two heads", y, [c, s, 5, 6, -s, c, 7, 8], 1e-6);
    expect(() => rope(device.tensor([1, 2], [1, 2]), rotation, 1)).toThrow("even and at most the head size 1");
  });
});
