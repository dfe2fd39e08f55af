// Judges what a run of tests says about a mutant. Knows no runner: a pure function of its report.
import type { Outcome } from "./document.ts";
import type { Mutation } from "./mutation.ts";
import type { RunReport } from "./run-tests.ts";

/**
 * Whether an error is that of a check that did not hold: vitest's assertions and the plain errors of laws. Named errors
 * come from code that broke or refused; a time-out says nothing.
 */
function isCheck(error: string): boolean {
  return /^(?:Assertion)?Error: /.test(error) && !/^Error: (?:Test|Hook) timed out/.test(error);
}

/** The outcome of a mutant: killed only where its named property failed by a check of its own. */
export function judge(mutation: Mutation, { tests, loadErrors, applied }: RunReport): Outcome {
  const outcome = (result: Outcome["result"], detail: string): Outcome => ({ mutation, result, detail });
  if (!applied) return outcome("did not load", loadErrors[0] ?? `${mutation.file} is not loaded by the test`);
  const named = tests.filter(({ title }) => title.includes(mutation.property));
  const failed = named.filter(({ state }) => state === "failed");
  const sound = failed.find(({ errors }) => errors.length > 0 && errors.every(isCheck));
  if (sound !== undefined) return outcome("killed", sound.title);
  const broken = failed[0]?.errors.find((error) => !isCheck(error));
  if (failed.length > 0) return outcome("wrong test", `broke instead of failing: ${firstLine(broken)}`);
  if (named.length === 0) return outcome("did not load", loadErrors[0] ?? `no test is named "${mutation.property}"`);
  return outcome("survived", named[0]!.title);
}

/** What is wrong with the run of the named tests without a mutation; empty where all is well. */
export function faultsOfBaseline(mutations: readonly Mutation[], { tests, loadErrors }: RunReport): readonly string[] {
  const faults = [...loadErrors];
  for (const { title, state, errors } of tests) {
    if (state === "failed") faults.push(`fails without any mutation: ${title}: ${firstLine(errors[0])}`);
  }
  for (const { id, test, property } of mutations) {
    if (!tests.some(({ file, title }) => file === test && title.includes(property))) {
      faults.push(`${id}: ${test} has no test named "${property}"`);
    }
  }
  return faults;
}

function firstLine(text: string | undefined): string {
  return (text ?? "no message").split("\n")[0]!;
}
