// The laws of matmul in its four forms, on few and many rows.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ShapeError } from "../../errors.ts";
import { extent, floats, opLaws, sharedDevice } from "../../testing/index.ts";
import { matmul, matmulOp } from "./op.ts";

opLaws(matmulOp, {
  cases: fc
    .tuple(extent(41), extent(37), extent(31), fc.boolean(), fc.boolean())
    .chain(([m, n, k, transposeA, transposeB]) =>
      fc.record({
        inputs: fc.tuple(floats(transposeA ? [k, m] : [m, k]), floats(transposeB ? [n, k] : [k, n])),
        attrs: fc.constant({ transposeA, transposeB }),
      }),
    ),
  runCount: 30,
});

describe("matmul()", () => {
  it("throws a ShapeError naming the inner extent", async () => {
    const device = await sharedDevice("reference");
    const a = device.tensor(new Float64Array(6), [2, 3]);
    const b = device.tensor(new Float64Array(10), [5, 2]);
    expect(() => matmul(a, b)).toThrow(ShapeError);
    expect(() => matmul(a, b)).toThrow("the inner extent of b is 5 but must be 3");
  });
});
