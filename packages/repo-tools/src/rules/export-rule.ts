// Public names: listed one by one, declared somewhere, and documented. Knows nothing of what a docstring should say.
import type { Files, Finding, WorkspacePackage } from "../repository.ts";
import { folderOf, resolvePath } from "../repository.ts";
import { docstringOf, listExports } from "../source-scan.ts";

// Shorter ones only repeat the name.
const docstringLengthLimit = 12;

/** Follows `localName` from `file` to the docstring of its declaration; null where the trail is lost. */
function findDocstring(files: Files, file: string, localName: string, seen: ReadonlySet<string>): string | null {
  const text = files.get(file);
  if (text === undefined || seen.has(file)) return null;
  const declared = docstringOf(text, localName);
  if (declared !== null) return declared;
  const record = listExports(text).names.find((each) => each.name === localName);
  if (record === undefined || record.from === null) return null;
  // A name of another package is documented there.
  if (!record.from.startsWith(".")) return `re-exported from ${record.from}`;
  return findDocstring(files, resolvePath(folderOf(file), record.from), record.localName, new Set([...seen, file]));
}

/** Checks every entry point named by a package's exports map: no `export *`, each name declared and documented. */
export function checkExports(files: Files, packages: readonly WorkspacePackage[]): readonly Finding[] {
  const findings: Finding[] = [];
  for (const { folder, manifest } of packages) {
    for (const [subpath, targets] of Object.entries(manifest.exports ?? {})) {
      const source = targets["@dual-head/source"];
      const report = (file: string, line: number, message: string) =>
        findings.push({ file, line, rule: "export", message, severity: "error" });
      if (source === undefined) {
        report(`${folder}/package.json`, 1, `exports ${subpath} has no @dual-head/source condition, add one`);
        continue;
      }
      const entry = resolvePath(folder, source);
      const text = files.get(entry);
      if (text === undefined) {
        report(
          `${folder}/package.json`,
          1,
          `exports ${subpath} from ${source}, which does not exist, write it or remove the entry`,
        );
        continue;
      }
      const { names, starLines } = listExports(text);
      for (const line of starLines) report(entry, line, "uses export *, name each export");
      for (const { name, line } of names) {
        const docstring = findDocstring(files, entry, name, new Set());
        if (docstring === null)
          report(entry, line, `exports ${name}, whose declaration was not found, declare it on a line of its own`);
        else if (docstring.length < docstringLengthLimit)
          report(entry, line, `exports ${name} without a docstring, write one above its declaration`);
      }
    }
  }
  return findings;
}
