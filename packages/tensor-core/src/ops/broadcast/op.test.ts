// The laws of broadcastTo and its dual sumTo.
import fc from "fast-check";
import { floats, opLaws } from "../../testing/index.ts";
import { broadcastToOp, sumToOp } from "./op.ts";

const pairs = fc.constantFrom<readonly [readonly number[], readonly number[]]>(
  [[], [3, 5]],
  [[], [613]],
  [[7], [5, 7]],
  [
    [5, 1],
    [5, 7],
  ],
  [
    [1, 7],
    [5, 7],
  ],
  [
    [3, 1, 2],
    [3, 5, 2],
  ],
);

opLaws(broadcastToOp, {
  cases: pairs.chain(([part, full]) =>
    fc.record({ inputs: fc.tuple(floats(part)), attrs: fc.constant({ shape: full }) }),
  ),
});
opLaws(sumToOp, {
  cases: pairs.chain(([part, full]) =>
    fc.record({ inputs: fc.tuple(floats(full)), attrs: fc.constant({ shape: part }) }),
  ),
});
