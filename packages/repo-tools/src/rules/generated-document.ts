// Documents that are made from the repository's own text: what one is, and whether the file on disk is in step with it.
// Knows no document in particular.
import type { Files, Finding } from "../repository.ts";

/** A document as it must be, and what is wrong with the texts it was made from. */
export interface GeneratedDocument {
  /** Relative to the root. */
  readonly path: string;
  readonly text: string;
  /** Faults of the sources; the text then shows what there is. */
  readonly findings: readonly Finding[];
}

/** The text of a docstring without delimiters and margin, and its lines with their places in the file. */
export function docstringText(comment: string): string {
  return comment
    .replace(/^\/\*\*|\*\/$/g, "")
    .replace(/^[ \t]*\* ?/gm, "")
    .trim();
}

/** Whether the file on disk is missing or differs. */
export function isStale(files: Files, { path, text }: GeneratedDocument): boolean {
  return files.get(path) !== text;
}

/** The faults of a document's sources, and the document itself where it is missing or out of step. */
export function checkDocument(files: Files, rule: string, document: GeneratedDocument): readonly Finding[] {
  if (!isStale(files, document)) return document.findings;
  const state = files.has(document.path) ? "differs from the docstrings it is made of" : "does not exist";
  const message = `${state}, run npm run check -- --fix`;
  return [...document.findings, { file: document.path, line: 1, rule, message, severity: "error" }];
}
