// The laws of logSoftmax, so far from zero too that exponentials overflow in float64.
import fc from "fast-check";
import { extent, floats, opLaws } from "../../testing/index.ts";
import { logSoftmaxOp } from "./op.ts";

opLaws(logSoftmaxOp, {
  cases: fc.tuple(extent(11), extent(41), fc.constantFrom(0, 1000, -1000)).chain(([rowCount, width, shift]) =>
    fc.record({
      inputs: fc.tuple(
        floats([rowCount, width], 9).map((input) => ({ ...input, values: input.values.map((z) => z + shift) })),
      ),
      attrs: fc.constant({}),
    }),
  ),
});
