// The laws of rope, and that rotating back restores the input.
import fc from "fast-check";
import { describe, it } from "vitest";
import { apply } from "../../dispatch.ts";
import { checkClose, floats, opLaws, sharedDevice, testDeviceNames } from "../../testing/index.ts";
import { rope, ropeOp } from "./op.ts";

opLaws(ropeOp, {
  cases: fc
    .tuple(fc.constantFrom(1, 5, 7), fc.constantFrom(1, 3), fc.constantFrom(2, 6, 10))
    .chain(([rowCount, heads, headSize]) =>
      fc.record({
        inputs: fc.tuple(floats([rowCount, heads * headSize]), floats([rowCount, headSize])),
        attrs: fc.record({ inverse: fc.boolean() }),
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
    const back = apply(ropeOp, [rope(device.tensor(values, [1, 12]), rotation), rotation], { inverse: true })[0]!;
    checkClose("the restored rows", await back.read(), values, 1e-6);
  });
});
