// The mutation run: `npm run mutate [-- ID …]`. Makes each mistake of the tables in memory, two at a time, and exits
// non-zero unless its named property fails. A run of all writes docs/mutations.md.
import { fork } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readRepository } from "../repository.ts";
import { findRepositoryRoot } from "../shared-asset.ts";
import { mutationsDocument, mutationsPath, type Outcome, updatedDocument } from "./document.ts";
import { faultsOfBaseline, judge } from "./judge.ts";
import { faultsOf, type Mutation } from "./mutation.ts";
import type { RunReport, TestOrder } from "./run-tests.ts";
import { mutations } from "./tables/index.ts";

const workers = 2;
// A mutant that loops for ever is one that its property did not catch.
const timeLimit = 120_000;

/** Runs an order in a process of its own. */
function runTests(order: TestOrder, limit: number): Promise<RunReport> {
  return new Promise((resolve) => {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const child = fork(fileURLToPath(new URL(`./run-tests.${extension}`, import.meta.url)), {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    const end = (fault: string) => resolve({ tests: [], loadErrors: [fault], applied: false });
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      end(`did not end within ${limit / 1000} s`);
    }, limit);
    child.once("message", (report) => resolve(report as RunReport));
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      end(`the process ended with ${signal ?? code}`);
    });
    child.send(order);
  });
}

/** Runs every mutant and prints a line for each as it ends; outcomes are in the order of the table. */
async function runMutants(chosen: readonly Mutation[]): Promise<readonly Outcome[]> {
  const outcomes = new Array<Outcome>(chosen.length);
  const left = [...chosen.entries()];
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [at, mutation] = next;
      const order = { mutation, tests: [mutation.test], properties: [mutation.property], workers: 1 };
      const outcome = judge(mutation, await runTests(order, timeLimit));
      outcomes[at] = outcome;
      console.log(`${outcome.result.padEnd(12)} ${mutation.id} — ${mutation.what} [${outcome.detail}]`);
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return outcomes;
}

async function main(ids: readonly string[]): Promise<number> {
  const root = findRepositoryRoot();
  const faults = faultsOf(mutations, readRepository(root));
  const unknown = ids.filter((id) => !mutations.some((mutation) => mutation.id === id));
  for (const id of unknown) console.error(`Cannot run ${id}: no mutation has this id`);
  for (const fault of faults) console.error(fault);
  if (faults.length + unknown.length > 0) return 2;
  const chosen = ids.length === 0 ? mutations : mutations.filter(({ id }) => ids.includes(id));
  const started = performance.now();
  const seconds = () => `${Math.round((performance.now() - started) / 1000)} s`;
  const baseline = await runTests(
    {
      mutation: null,
      tests: [...new Set(chosen.map(({ test }) => test))],
      properties: [...new Set(chosen.map(({ property }) => property))],
      workers,
    },
    5 * timeLimit,
  );
  const baselineFaults = faultsOfBaseline(chosen, baseline);
  for (const fault of baselineFaults) console.error(fault);
  if (baselineFaults.length > 0) return 1;
  console.log(`${baseline.tests.length} named tests pass without a mutation (${seconds()})`);
  const outcomes = await runMutants(chosen);
  const killed = outcomes.filter(({ result }) => result === "killed").length;
  const path = join(root, mutationsPath);
  const document =
    ids.length === 0 ? mutationsDocument(outcomes) : updatedDocument(readFileSync(path, "utf8"), mutations, outcomes);
  writeFileSync(path, document);
  console.log(`mutate: ${killed} of ${outcomes.length} killed by the property named (${seconds()})`);
  return killed === outcomes.length ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
