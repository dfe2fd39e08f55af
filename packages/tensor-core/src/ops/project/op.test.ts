// The laws of project with one, two and three terms of different widths.
import fc from "fast-check";
import { extent, floats, opLaws } from "../../testing/index.ts";
import { projectOp } from "./op.ts";

opLaws(projectOp, {
  cases: fc
    .tuple(extent(13), extent(41), fc.array(extent(19), { minLength: 1, maxLength: 3 }))
    .chain(([rowCount, vocabSize, widths]) =>
      fc.record({
        inputs: fc.tuple(...widths.flatMap((width) => [floats([rowCount, width]), floats([vocabSize, width])])),
        attrs: fc.constant({}),
      }),
    ),
  runCount: 20,
});
