// The laws of affine on generated calls.
import fc from "fast-check";
import { floats, opLaws } from "../../testing/index.ts";
import { affineOp } from "./op.ts";

opLaws(affineOp, {
  cases: fc.record({
    inputs: fc.tuple(floats([5, 13])),
    attrs: fc.record({ scale: fc.constantFrom(-1, 0.5, 3), shift: fc.constantFrom(0, 1, -0.25) }),
  }),
});
