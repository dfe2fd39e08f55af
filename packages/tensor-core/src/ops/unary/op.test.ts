// The laws of every row of the table, and its behaviour at the ends of the number line.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openDevice } from "../../device.ts";
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

describe("unary() of any exponent on cpu", () => {
  const seed = 21;
  it.each(["simd", "relaxed"])(
    `eˣ is within 2 ulp of float64, 0 and infinity at its ends, variant %s (seed ${seed})`,
    async (variant) => {
      using device = await openDevice("cpu", { threads: 1, variant });
      const arguments_ = fc.oneof(
        fc.double({ min: -110, max: 95, noNaN: true }),
        fc.double({ min: -1e-3, max: 1e-3, noNaN: true }),
        fc.constantFrom(-Infinity, -3e38, -0, 3e38, Infinity, Number.NaN),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(arguments_, { minLength: 1, maxLength: 300 }), async (numbers) => {
          const x = Float32Array.from(numbers);
          using y = device.scope(() => unary("exp", device.tensor(x, [x.length])));
          for (const [index, value] of (await y.read()).entries()) {
            const exact = Math.exp(x[index]!);
            const rounded = Math.fround(exact);
            if (Number.isFinite(rounded) && exact < 2 ** 127.9) {
              const ulp = 2 ** (Math.max(-126, Math.floor(Math.log2(exact))) - 23);
              expect(Math.abs(value - exact)).toBeLessThanOrEqual(2 * ulp);
            } else expect(value).toBe(rounded);
          }
        }),
        { seed, numRuns: 60 },
      );
    },
  );
});
