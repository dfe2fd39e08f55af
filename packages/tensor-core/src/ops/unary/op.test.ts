// The laws of every row of the table, and its behaviour at the ends of the number line.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { floats, opLaws, positives, sharedDevice, testDeviceNames } from "../../testing/index.ts";
import { unary, unaryOp } from "./op.ts";
import { type UnaryName, unaryTable } from "./table.ts";

const needsPositive: readonly UnaryName[] = ["log", "sqrt", "reciprocal", "flooredLog"];

for (const name of Object.keys(unaryTable) as UnaryName[]) {
  opLaws(unaryOp, {
    cases: fc.record({
      inputs: fc.tuple(needsPositive.includes(name) ? positives([7, 11], 3) : floats([7, 11], 6)),
      attrs: fc.constant({ name }),
    }),
    runCount: 5,
  });
}

describe.each(testDeviceNames)("unary() at extreme arguments on %s", (deviceName) => {
  it.each([
    ["sigmoid", [-300, 0, 300], [0, 0.5, 1]],
    ["softplus", [-300, 0, 300], [0, Math.LN2, 300]],
    ["sigmoidEntropy", [-300, 0, 300], [0, Math.LN2, 0]],
    ["tanh", [-300, 0, 300], [-1, 0, 1]],
    ["geluTanh", [-300, 0, 300], [0, 0, 300]],
    ["flooredLog", [0, 1, 2], [-1e4, 0, Math.LN2]],
  ] as const)("%s stays finite", async (name, arguments_, expected) => {
    const device = await sharedDevice(deviceName);
    const values = await unary(name, device.tensor([...arguments_], [3])).read();
    for (const [index, value] of expected.entries()) expect(values[index]).toBeCloseTo(value, 5);
  });
});
