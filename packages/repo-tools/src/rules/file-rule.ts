// Form of source files and presence of READMEs. Does not judge what they say.
import type { Files, Finding, WorkspacePackage } from "../repository.ts";
import { isScript } from "../repository.ts";

const warnLineCount = 400;
const failLineCount = 600;
const headerLineLimit = 3;
// Two sentences' worth; a title alone does not say what a package is for.
const readmeLengthLimit = 60;

/** The number of lines of the comment a file begins with (after a shebang), 0 where it begins with code. */
function headerLineCount(lines: readonly string[]): number {
  const first = lines[0]?.startsWith("#!") ? 1 : 0;
  if (lines[first]?.startsWith("/*")) {
    return lines.slice(first).findIndex((line) => line.includes("*/")) + 1;
  }
  let count = 0;
  while (/^\/\/(?!\/)/.test(lines[first + count] ?? "")) count++;
  return count;
}

/** Checks each script's header comment and length, and each package's README.md. */
export function checkFiles(files: Files, packages: readonly WorkspacePackage[]): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [file, text] of files) {
    if (!isScript(file)) continue;
    const lines = text.trimEnd().split("\n");
    const header = headerLineCount(lines);
    const report = (line: number, rule: string, message: string, severity: Finding["severity"] = "error") =>
      findings.push({ file, line, rule, message, severity });
    if (header === 0) report(1, "header", "begins without a comment, say what it is and what it does not know");
    if (header > headerLineLimit)
      report(1, "header", `begins with ${header} lines of comment, shorten to ${headerLineLimit}`);
    const over = (limit: number) => `has ${lines.length} lines, more than ${limit}, split it`;
    if (lines.length > failLineCount) report(failLineCount + 1, "length", over(failLineCount));
    else if (lines.length > warnLineCount) report(warnLineCount + 1, "length", over(warnLineCount), "warning");
  }
  for (const { folder, manifest } of packages) {
    const file = `${folder}/README.md`;
    const report = (message: string) => findings.push({ file, line: 1, rule: "readme", message, severity: "error" });
    const text = files.get(file);
    if (text === undefined) {
      report("does not exist, write the name, what the package is for, and a short example");
      continue;
    }
    if (!text.startsWith(`# ${manifest.name}\n`)) report(`does not begin with "# ${manifest.name}", add the title`);
    const prose = text.replace(/^```[\s\S]*?^```/gm, "").replace(/^#.*$/gm, "");
    if (prose.trim().length < readmeLengthLimit) report("does not say what the package is for, add a paragraph");
    if (!/^```/m.test(text)) report("has no example, add a fenced block");
  }
  return findings;
}
