// The laws of swiglu.
import fc from "fast-check";
import { extent, floats, opLaws } from "../../testing/index.ts";
import { swigluOp } from "./op.ts";

opLaws(swigluOp, {
  cases: fc
    .tuple(extent(13), extent(29))
    .chain(([rowCount, width]) =>
      fc.record({ inputs: fc.tuple(floats([rowCount, width], 5), floats([rowCount, width])), attrs: fc.constant({}) }),
    ),
});
