// Vitest reporter: says why tests were skipped and closes the run with one line of counts.
// Erasable TypeScript without dependencies, because vitest loads it from source; it knows no test by name.
import { existsSync } from "node:fs";
import { join } from "node:path";

interface ReportedError {
  readonly message?: string;
}

/** The part of vitest's test case that is read here. */
export interface ReportedTest {
  readonly fullName: string;
  result(): { readonly state: string; readonly note?: string | undefined };
}

/** The part of vitest's suite that is read here. */
export interface ReportedSuite {
  errors(): readonly ReportedError[];
}

/** The part of vitest's test module (one file) that is read here. */
export interface ReportedModule {
  errors(): readonly ReportedError[];
  readonly children: { allTests(): Iterable<ReportedTest>; allSuites(): Iterable<ReportedSuite> };
}

/** What a run came to; `failed` includes suites and files that failed as a whole and errors outside any test. */
export interface RunCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Skipped tests by reason. */
  readonly reasons: ReadonlyMap<string, number>;
}

/** Why a test was skipped: its own note, or what its name and the surroundings tell. */
function skipReason(test: ReportedTest, note: string | undefined, hasShared: boolean): string {
  if (note) return note;
  // Where WebGPU is required a missing adapter is a failure, so that a skip has another reason.
  const isOptional = process.env.REQUIRE_WEBGPU !== "1";
  if (isOptional && /webgpu/i.test(test.fullName)) return "no WebGPU adapter was there, or by their own condition";
  return hasShared ? "skipped by their own condition" : "the folder ../shared is absent";
}

/** Counts a finished run; an interrupted one has at least one failure. */
export function countRun(
  modules: Iterable<ReportedModule>,
  unhandledErrorCount: number,
  interrupted: boolean,
  hasShared: boolean,
): RunCounts {
  let passed = 0;
  let failed = unhandledErrorCount + (interrupted ? 1 : 0);
  let skipped = 0;
  const reasons = new Map<string, number>();
  for (const module of modules) {
    if (module.errors().length > 0) failed++;
    for (const suite of module.children.allSuites()) if (suite.errors().length > 0) failed++;
    for (const test of module.children.allTests()) {
      const { state, note } = test.result();
      if (state === "passed") passed++;
      else if (state === "skipped") {
        skipped++;
        const reason = skipReason(test, note, hasShared);
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      }
      // A test still pending when the run ended did not pass.
      else failed++;
    }
  }
  return { passed, failed, skipped, reasons };
}

/** The lines of a test's output that count vectors of others. */
export function vectorLinesOf(output: string): readonly string[] {
  return output.split("\n").filter((line) => /^vectors: .+ \d+\/\d+$/.test(line));
}

/**
 * Prints, after vitest's own report, how many vectors of others passed, the reasons of skipped tests and the closing line
 * `N passed, N failed, N skipped`.
 */
export default class SummaryReporter {
  readonly #vectors: string[] = [];

  onUserConsoleLog({ content }: { readonly content: string }): void {
    this.#vectors.push(...vectorLinesOf(content));
  }

  onTestRunEnd(
    modules: readonly ReportedModule[],
    unhandledErrors: readonly unknown[],
    reason: "passed" | "failed" | "interrupted",
  ): void {
    const hasShared = existsSync(join(import.meta.dirname, "../../../../shared"));
    const counts = countRun(modules, unhandledErrors.length, reason === "interrupted", hasShared);
    for (const line of this.#vectors.splice(0).sort()) console.log(line);
    for (const [why, count] of counts.reasons) console.log(`skipped ${count}: ${why}`);
    // A run that vitest calls failed must never read as clean, whatever the reason.
    const failed = reason === "failed" ? Math.max(1, counts.failed) : counts.failed;
    console.log(`${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped`);
  }
}
