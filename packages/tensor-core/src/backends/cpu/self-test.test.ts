// Times of kernels by clocks that tick as rarely as those of browsers, or not at all.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { leastMilliseconds } from "./self-test.ts";

describe("leastMilliseconds()", () => {
  it("tells times shorter than a tick within a quarter, from few runs (seed 3)", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.002, max: 3, noNaN: true }),
        fc.constantFrom(1e-6, 0.005, 0.1),
        fc.double({ min: 0, max: 0.1, noNaN: true }),
        (duration, tick, start) => {
          let time = start;
          let runs = 0;
          const run = () => {
            time += duration;
            runs++;
          };
          const least = leastMilliseconds(run, () => Math.floor(time / tick) * tick);
          expect(Math.abs(least / duration - 1)).toBeLessThan(0.26);
          expect(runs).toBeLessThan(5000);
        },
      ),
      { seed: 3 },
    );
  });

  it("ends where the clock stands still", () => {
    let runs = 0;
    expect(
      leastMilliseconds(
        () => runs++,
        () => 7,
      ),
    ).toBe(0);
    expect(runs).toBeLessThan(4000);
  });
});
