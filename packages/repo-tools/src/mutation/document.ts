// docs/mutations.md: written from the outcomes of a run, and read back to see that it is in step with the table.
// Knows how outcomes are shown, not how they came about.
import type { Mutation } from "./mutation.ts";

/** What became of a mutant: killed by its property, or why that does not count. */
export interface Outcome {
  readonly mutation: Mutation;
  readonly result: "killed" | "survived" | "wrong test" | "did not load";
  /** Full title of the test that failed, or what happened instead. */
  readonly detail: string;
}

/** The document's path relative to the root. */
export const mutationsPath = "docs/mutations.md";

const head = `<!-- Made by npm run mutate; edit packages/repo-tools/src/mutation/tables. -->

# Mutations

Mistakes that are easy to make in code like this, some of them seen in public code of the method. Each was made on purpose, in memory, and the property named beside it had to fail by its own assertion; the same properties pass without the mistake. \`npm run mutate\` does it again.

| mistake | source | property that catches it | result |
|---|---|---|---|`;

/** The document of a run of all mutations. */
export function mutationsDocument(outcomes: readonly Outcome[]): string {
  return `${head}\n${outcomes.map(rowOf).join("\n")}\n`;
}

/**
 * The document after a run of some mutations: their rows are new, the others' stay, all in the order of the table. One
 * that was never run has no row.
 */
export function updatedDocument(
  document: string,
  mutations: readonly Mutation[],
  outcomes: readonly Outcome[],
): string {
  const lines = document.split("\n");
  const rows = mutations.flatMap((mutation) => {
    const outcome = outcomes.find((each) => each.mutation.id === mutation.id);
    if (outcome !== undefined) return [rowOf(outcome)];
    return lines.filter((line) => line.startsWith(`| ${cell(mutation.what)} | `));
  });
  return `${head}\n${rows.join("\n")}\n`;
}

function rowOf({ mutation: { what, file, test }, result, detail }: Outcome): string {
  return `| ${cell(what)} | [${short(file)}](../${file}) | [${short(test)}](../${test}): ${cell(detail)} | ${result} |`;
}

/** The rows of the document: mistake, links to source and test, and result. */
export function rowsOf(document: string): readonly {
  readonly what: string;
  readonly file: string;
  readonly test: string;
  readonly result: string;
}[] {
  return [
    ...document.matchAll(/^\| (.*?) \| \[[^\]]*\]\(\.\.\/(.*?)\) \| \[[^\]]*\]\(\.\.\/(.*?)\): .* \| (.*?) \|$/gm),
  ].map(([, what, file, test, result]) => ({
    what: what!.replaceAll("\\|", "|"),
    file: file!,
    test: test!,
    result: result!,
  }));
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function short(path: string): string {
  return path.replace("packages/", "").replace("/src/", "/");
}
