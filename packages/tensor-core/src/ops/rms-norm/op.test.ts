// The laws of rmsNorm and of its gradient op.
import fc from "fast-check";
import { extent, floats, opLaws } from "../../testing/index.ts";
import { rmsNormGradOp, rmsNormOp } from "./op.ts";

const extents = fc.tuple(extent(13), extent(41));
const attrs = fc.constant({ epsilon: 1e-5 });

opLaws(rmsNormOp, {
  cases: extents.chain(([rowCount, width]) =>
    fc.record({
      inputs: fc.tuple(
        floats([rowCount, width]).map((input) => ({ ...input, values: input.values.map((x) => x + 0.3) })),
        floats([width]),
      ),
      attrs,
    }),
  ),
  tolerance: 1e-4,
  gradientTolerance: 1e-5,
});
opLaws(rmsNormGradOp, {
  cases: extents.chain(([rowCount, width]) =>
    fc.record({
      inputs: fc.tuple(
        floats([rowCount, width]).map((input) => ({ ...input, values: input.values.map((x) => x + 0.3) })),
        floats([width]),
        floats([rowCount, width]),
      ),
      attrs,
    }),
  ),
  tolerance: 1e-4,
});
