// Tables and plots of made-up measurements that obey a law, so that what must be printed is known.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MeasuredSweep } from "./measure-sweeps.ts";
import { spread } from "./plots.ts";
import { remark, reportFiles } from "./report.ts";

const seed = 20261124;
const extents = { hiddenSize: 7, vocabSize: 50, length: 3, gateWidth: 6, gateHeads: 2 };

/** Times of fixed + operations in three equal rounds, with operations = size². */
function sweepOf(name: string, variable: keyof typeof extents, fixed: number): MeasuredSweep {
  const work = (operations: number) => ({
    milliseconds: [1, 1, 1].map(() => fixed + operations),
    bytes: 2 ** 20,
    cacheBytes: null,
    operations,
  });
  return {
    name,
    variable,
    extents,
    points: [2, 4, 8].map((size) => ({
      size,
      ...work(size ** 2),
      cacheBytes: variable === "length" ? 32 * size : null,
    })),
    beside: name === "both heads" ? work(12) : null,
  };
}

const sweeps = [
  sweepOf("both heads", "vocabSize", 0),
  sweepOf("gate", "length", 0),
  sweepOf("gate", "gateWidth", 0),
  sweepOf("step", "hiddenSize", 5),
];
const files = reportFiles({ machine: "a made-up machine", sweeps });
const text = (name: string) => files.get(name) ?? "";

describe("reportFiles()", () => {
  it("prints exponents, and the fixed part only where time grows slower than the count", () => {
    const document = text("README.md");
    expect(document).toContain("Machine: a made-up machine.");
    expect(document).toContain("| gate | T | 2 – 8 | 4.00 – 64.0 | 2.00 [2.00, 2.00] | 2.00 |  | 1.00 – 1.00 |");
    const step = document.split("\n").find((line) => line.startsWith("| step |"));
    expect(step).toMatch(/\| 1\.\d\d \[.*\] \| 2\.00 \| 5\.00 ms \|/);
  });
  it("prints shares of a round beside those of the counts, histories and what the published shapes have", () => {
    const document = text("README.md");
    expect(document).toContain("| 2 | 75.0 % | 75.0 (75.0 – 75.0) % |");
    expect(document).toContain("| 4 | 128 | 128 |");
    expect(document).toContain("| 7B | 131M | 5.25M | 67.1M | 136M | 2.02 % |");
  });
  it("draws one plot a name, with a fitted and a counted line, every point and a label a sweep", () => {
    expect([...files.keys()].filter((name) => name.endsWith(".svg"))).toEqual([
      "both-heads.svg",
      "gate.svg",
      "step.svg",
      "gate-share.svg",
    ]);
    const plot = text("gate.svg");
    expect(plot.match(/<circle/g)).toHaveLength(6);
    expect(plot.match(/stroke-dasharray="4 4"/g)).toHaveLength(1);
    expect(plot).toContain("T 2 – 8");
    expect(plot).toContain("r 2 – 8");
    expect(text("gate-share.svg")).toContain("d 7, r 6, folded, measured");
  });
  it("refuses measurements without a gate beside the heads", () => {
    expect(() => reportFiles({ machine: "", sweeps: sweeps.slice(1) })).toThrow("measure anew");
  });
});

describe("spread()", () => {
  it(`keeps the order of labels and moves them apart, none downwards (seed ${seed})`, () => {
    const heights = fc.array(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(heights, (own) => {
        const placed = spread(own, 1e4);
        for (const [at, each] of placed.entries()) expect(each).toBeGreaterThanOrEqual(own[at]!);
        const sorted = placed.toSorted((a, b) => a - b);
        for (const [at, each] of sorted.slice(1).entries()) {
          expect(each / sorted[at]!).toBeGreaterThanOrEqual(1e4 ** 0.05 - 1e-9);
        }
        for (const [a, first] of own.entries()) {
          for (const [b, second] of own.entries()) if (first < second) expect(placed[a]!).toBeLessThan(placed[b]!);
        }
      }),
      { seed },
    );
  });
});

describe("remark()", () => {
  const exponent = { value: 0.5, low: 0.4, high: 0.6 };
  it("names the part of times that does not grow with the count, where the count grows faster", () => {
    const points = [100, 200, 400].map((operations) => ({ operations }));
    expect(remark({ points, medians: [11, 12, 14], exponent, countExponent: 1 })).toBe("10.0 ms");
    expect(remark({ points, medians: [11, 12, 14], exponent, countExponent: 0.5 })).toBe("");
  });
  it("says nothing of a count that stays as it is, though its times fall by chance", () => {
    const points = [100, 100].map((operations) => ({ operations }));
    const falling = { value: -1, low: -1.2, high: -0.8 };
    expect(remark({ points, medians: [5.9, 5.1], exponent: falling, countExponent: 0 })).toBe("");
  });
});
