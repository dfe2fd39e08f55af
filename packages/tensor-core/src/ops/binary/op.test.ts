// The laws of every row of the table under broadcasting, and the exactness that mixing relies on.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { floats, opLaws, positives, sharedDevice, testDeviceNames } from "../../testing/index.ts";
import { binaryOp, logAddExp, scaledSigmoid } from "./op.ts";
import { type BinaryName, binaryTable } from "./table.ts";

const shapes = fc.constantFrom<readonly [readonly number[], readonly number[]]>(
  [
    [5, 7],
    [5, 7],
  ],
  [[5, 7], [7]],
  [
    [5, 1],
    [1, 7],
  ],
  [
    [5, 1],
    [5, 7],
  ],
  [[], [3, 5]],
  [
    [2, 3, 5],
    [3, 1],
  ],
  [[13], [13]],
);

for (const name of Object.keys(binaryTable) as BinaryName[]) {
  const second = name === "divide" || name === "scaledSigmoid" ? positives : floats;
  // Offsets by a fraction no generated value has keep comparisons away from their seam.
  const apart = name === "minimum" || name === "maximum" || name === "greaterEqual" ? 1 / 128 : 0;
  opLaws(binaryOp, {
    cases: fc.record({
      inputs: shapes.chain(([a, b]) =>
        fc.tuple(
          floats(a, 3),
          second(b, 3).map((input) => ({ ...input, values: input.values.map((value) => value + apart) })),
        ),
      ),
      attrs: fc.constant({ name }),
    }),
    differentiable: () => (name === "greaterEqual" ? [] : [0, 1]),
    runCount: 7,
  });
}

describe.each(testDeviceNames)("binary() on %s", (deviceName) => {
  it("scaledSigmoid is exactly 0 at strength 0 and the sigmoid at strength 1, for any logit", async () => {
    const device = await sharedDevice(deviceName);
    const logits = device.tensor([-200, -3, 0, 3, 200], [5]);
    const zero = await scaledSigmoid(logits, device.tensor([0], [1])).read();
    expect([...zero]).toEqual([0, 0, 0, 0, 0]);
    const one = await scaledSigmoid(logits, device.tensor([1], [1])).read();
    for (const [index, logit] of [-200, -3, 0, 3, 200].entries())
      expect(one[index]).toBeCloseTo(1 / (1 + Math.exp(-logit)), 5);
  });

  it("logAddExp leaves its larger operand as it is where the other is far below", async () => {
    const device = await sharedDevice(deviceName);
    const sum = await logAddExp(device.tensor([0, 1.5, -2], [3]), device.tensor([-1e4, -1e4, -1e4], [3])).read();
    expect([...sum]).toEqual([0, 1.5, -2]);
  });
});
