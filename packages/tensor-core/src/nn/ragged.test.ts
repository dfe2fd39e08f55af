// Ranges and positions of ragged batches against their definitions.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { causalRanges, segmentPositions, segmentsOf } from "./ragged.ts";

describe("causalRanges()", () => {
  it("shows each row itself and what precedes it in its segment, at most a window", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 7 }), { minLength: 1, maxLength: 5 }),
        fc.option(fc.integer({ min: 1, max: 4 })),
        (lengths, window) => {
          const segments = segmentsOf(lengths);
          const ranges = causalRanges(segments, window ?? undefined);
          const positions = segmentPositions(segments);
          let row = 0;
          for (const length of lengths) {
            const start = row;
            for (let position = 0; position < length; position++, row++) {
              expect(positions[row]).toBe(position);
              expect(ranges[2 * row]).toBe(Math.max(start, row + 1 - (window ?? Infinity)));
              expect(ranges[2 * row + 1]).toBe(row + 1);
            }
          }
          expect(ranges.length).toBe(2 * row);
        },
      ),
      { seed: 3, numRuns: 60 },
    );
  });

  it("answers for chosen rows only", () => {
    expect([...causalRanges(segmentsOf([3, 4]), undefined, Uint32Array.of(5, 1))]).toEqual([3, 6, 0, 2]);
    expect(() => causalRanges(segmentsOf([3, 4]), undefined, Uint32Array.of(5, 7))).toThrow("a row below 7");
  });
});
