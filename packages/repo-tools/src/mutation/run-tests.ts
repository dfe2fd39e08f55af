// One run of named tests under vitest in a process of its own, with at most one source changed in memory: no file is
// touched. Reports by message to the process that started it; knows no table of mutations.
import { join } from "node:path";
import { startVitest } from "vitest/node";
import { findRepositoryRoot } from "../shared-asset.ts";
import { compileKernelsWith, isKernel, kernelModule } from "./kernels.ts";
import type { Mutation } from "./mutation.ts";
import { mutate } from "./mutation.ts";

/** What to run. */
export interface TestOrder {
  readonly mutation: Mutation | null;
  /** Test files relative to the root. */
  readonly tests: readonly string[];
  /** Parts of full titles; tests that hold none of them are left out. */
  readonly properties: readonly string[];
  readonly workers: number;
}

/** One test that ran. */
export interface TestReport {
  readonly file: string;
  readonly title: string;
  readonly state: "passed" | "failed";
  /** Its errors and their causes, each beginning with the error's name. */
  readonly errors: readonly string[];
}

/** What came of an order; `loadErrors` are those outside of tests. */
export interface RunReport {
  readonly tests: readonly TestReport[];
  readonly loadErrors: readonly string[];
  /** Whether the changed source was loaded at all. */
  readonly applied: boolean;
}

/** An error and what caused it: fast-check wraps what a property threw. */
function withCauses(error: unknown): readonly string[] {
  if (typeof error !== "object" || error === null) return [];
  const { name = "Error", message = "", cause } = error as Partial<Record<"name" | "message" | "cause", unknown>>;
  return [`${name}: ${message}`, ...withCauses(cause)];
}

/** Runs the order. */
async function run({ mutation, tests, properties, workers }: TestOrder): Promise<RunReport> {
  const root = findRepositoryRoot();
  let applied = false;
  const kernels = mutation !== null && isKernel(mutation.file) ? compileKernelsWith(root, mutation) : null;
  const target = mutation === null ? null : join(root, kernels === null ? mutation.file : kernelModule);
  const plugin = {
    name: "mutation",
    enforce: "pre" as const,
    transform(code: string, id: string): { code: string; map: null } | null {
      if (mutation === null || id.split("?")[0] !== target) return null;
      applied = true;
      return { code: kernels ?? mutate(code, mutation), map: null };
    },
  };
  const pattern = properties.map((each) => each.replaceAll(" > ", " ").replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const vitest = await startVitest(
    "test",
    [...tests],
    {
      root,
      config: join(root, "vitest.config.ts"),
      watch: false,
      maxWorkers: workers,
      reporters: [{}],
      testNamePattern: new RegExp(pattern.join("|")),
      // A mutant may fill the log; only what its tests report counts.
      silent: true,
    },
    { plugins: [plugin], clearScreen: false },
  );
  const reports: TestReport[] = [];
  const loadErrors: string[] = [];
  for (const module of vitest.state.getTestModules()) {
    loadErrors.push(...module.errors().map(({ message }) => message));
    for (const suite of module.children.allSuites()) loadErrors.push(...suite.errors().map(({ message }) => message));
    for (const test of module.children.allTests()) {
      const { state, errors = [] } = test.result();
      if (state !== "passed" && state !== "failed") continue;
      const messages = errors.flatMap(withCauses);
      reports.push({ file: module.relativeModuleId, title: test.fullName, state, errors: messages });
    }
  }
  loadErrors.push(...vitest.state.getUnhandledErrors().map((error) => String(error)));
  await vitest.close();
  return { tests: reports, loadErrors, applied };
}

process.once("message", (order: TestOrder) => {
  run(order).then(
    (report) => process.send!(report, () => process.exit(0)),
    (error: unknown) => {
      const report: RunReport = { tests: [], loadErrors: [String(error)], applied: false };
      process.send!(report, () => process.exit(0));
    },
  );
});
