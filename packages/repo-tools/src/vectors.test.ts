// Counting vectors: what failed is not passed, and the reporter finds the lines again.
import { describe, expect, it, vi } from "vitest";
import { countVectors } from "./vectors.ts";
import SummaryReporter, { vectorLinesOf } from "./vitest-summary.ts";

describe("countVectors()", () => {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  describe("of a suite", () => {
    const vectors = countVectors("a suite");
    it("counts a case once its body has ended", () => {
      for (const each of vectors.each([2, 3, 5])) expect(each).toBeLessThan(7);
      expect(() => {
        for (const each of vectors.each([7, 11])) expect(each).toBe(7);
      }).toThrow();
      vectors.begin(20)();
      vectors.begin(10);
    });
  });

  it("prints the suite with its counts", () => {
    expect(printed.mock.calls).toEqual([["vectors: a suite 24/35"]]);
    printed.mockRestore();
  });
});

describe("vectorLinesOf()", () => {
  it("finds the lines among others, and the reporter prints them sorted at the end", () => {
    const log = "noise\nvectors: of b 3/4\nvectors: odd\nvectors: of a, in 2 forms 47/47\n";
    expect(vectorLinesOf(log)).toEqual(["vectors: of b 3/4", "vectors: of a, in 2 forms 47/47"]);
    const reporter = new SummaryReporter();
    reporter.onUserConsoleLog({ content: log });
    const printed = vi.spyOn(console, "log").mockImplementation(() => {});
    reporter.onTestRunEnd([], [], "passed");
    const lines = printed.mock.calls.map(([line]) => line);
    printed.mockRestore();
    expect(lines).toEqual(["vectors: of a, in 2 forms 47/47", "vectors: of b 3/4", "0 passed, 0 failed, 0 skipped"]);
  });
});
