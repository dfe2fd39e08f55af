// The laws of gatherRows and its dual scatterAddRows, with repeated rows.
import fc from "fast-check";
import { extent, floats, indices, opLaws } from "../../testing/index.ts";
import { gatherRowsOp, scatterAddRowsOp } from "./op.ts";

const extents = fc.tuple(extent(13), extent(19), extent(11));

opLaws(gatherRowsOp, {
  cases: extents.chain(([rowCount, count, width]) =>
    fc.record({ inputs: fc.tuple(floats([rowCount, width]), indices([count], rowCount)), attrs: fc.constant({}) }),
  ),
});
opLaws(scatterAddRowsOp, {
  cases: extents.chain(([rowCount, count, width]) =>
    fc.record({
      inputs: fc.tuple(floats([count, width]), indices([count], rowCount)),
      attrs: fc.constant({ rowCount }),
    }),
  ),
});
