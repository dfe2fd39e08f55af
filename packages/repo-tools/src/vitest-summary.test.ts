// Tests of the summary reporter's counting, on hand-made modules.
import { describe, expect, it, vi } from "vitest";
import { countRun, type ReportedModule, type ReportedTest } from "./vitest-summary.ts";

function test(fullName: string, state: string, note?: string): ReportedTest {
  return { fullName, result: () => ({ state, note }) };
}

function module(tests: ReportedTest[], errorCount = 0, suiteErrorCount = 0): ReportedModule {
  const errors = (count: number) => Array.from({ length: count }, () => ({ message: "x" }));
  return {
    errors: () => errors(errorCount),
    children: { allTests: () => tests, allSuites: () => [{ errors: () => errors(suiteErrorCount) }] },
  };
}

describe("countRun()", () => {
  it("counts passed, failed and skipped tests", () => {
    const counts = countRun(
      [module([test("a", "passed"), test("b", "failed"), test("c", "skipped"), test("d", "passed")])],
      0,
      false,
      true,
    );
    expect(counts).toMatchObject({ passed: 2, failed: 1, skipped: 1 });
  });

  it("counts unhandled errors, failed files, failed suites, interruption and pending tests as failures", () => {
    expect(countRun([], 3, false, true).failed).toBe(3);
    expect(countRun([module([], 2)], 0, false, true).failed).toBe(1);
    expect(countRun([module([test("a", "passed")], 0, 2)], 0, false, true).failed).toBe(1);
    expect(countRun([], 0, true, true).failed).toBe(1);
    expect(countRun([module([test("a", "pending")])], 0, false, true).failed).toBe(1);
  });

  it("groups skipped tests by note, missing adapter and missing assets", () => {
    vi.stubEnv("REQUIRE_WEBGPU", "");
    const tests = [
      test("op > webgpu > adds", "skipped"),
      test("reads a checkpoint", "skipped"),
      test("x", "skipped", "too slow"),
    ];
    expect([...countRun([module(tests)], 0, false, false).reasons]).toEqual([
      ["no WebGPU adapter was there, or by their own condition", 1],
      ["the folder ../shared is absent", 1],
      ["too slow", 1],
    ]);
    vi.stubEnv("REQUIRE_WEBGPU", "1");
    expect(countRun([module(tests)], 0, false, true).reasons.get("skipped by their own condition")).toBe(2);
    vi.unstubAllEnvs();
  });
});
