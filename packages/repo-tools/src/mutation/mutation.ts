// A mutation: one plausible mistake as a change of one source text, and the property that must notice it.
// Knows no particular mistake and no test runner.
import type { Files } from "../repository.ts";

/** One mistake, where it would be made, and what must catch it. */
export interface Mutation {
  /** Unique, in words joined by hyphens. */
  readonly id: string;
  /** The mistake in words. */
  readonly what: string;
  /** The source it is made in, relative to the root. */
  readonly file: string;
  /** Text that occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** The test file that must fail, relative to the root. */
  readonly test: string;
  /** A part of that test's full title (titles of suites and test joined by ` > `). */
  readonly property: string;
}

/**
 * The text of a source with the mistake in it.
 *
 * @throws Error where `find` does not occur exactly once
 */
export function mutate(text: string, { id, file, find, replace }: Mutation): string {
  const parts = text.split(find);
  if (parts.length !== 2) {
    throw new Error(
      `Cannot make the mutation ${id}: its text occurs ${parts.length - 1} times in ${file} and must occur once; bring it in step with the source`,
    );
  }
  return parts.join(replace);
}

/** What is wrong with a table of mutations, judged by the files alone; empty where nothing is. */
export function faultsOf(mutations: readonly Mutation[], files: Files): readonly string[] {
  const faults: string[] = [];
  for (const [key, name] of [
    ["id", "id"],
    ["what", "description"],
  ] as const) {
    const values = mutations.map((mutation) => mutation[key]);
    for (const value of new Set(values)) {
      if (values.indexOf(value) !== values.lastIndexOf(value)) faults.push(`${value}: two mutations have this ${name}`);
    }
  }
  for (const mutation of mutations) {
    const { id, file, find, replace, test } = mutation;
    const text = files.get(file);
    if (text === undefined) faults.push(`${id}: there is no ${file}`);
    else {
      const count = text.split(find).length - 1;
      if (count !== 1) faults.push(`${id}: its text occurs ${count} times in ${file} and must occur once`);
    }
    if (find === replace) faults.push(`${id}: it changes nothing`);
    if (!files.has(test)) faults.push(`${id}: there is no ${test}`);
  }
  return faults;
}
