// The repository check: `node packages/repo-tools/dist/check.js [--fix]`. Exits non-zero on any error.
// It runs the rules and prints what they found; each rule knows its own subject.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "./repository.ts";
import { listPackages, readRepository } from "./repository.ts";
import { checkDeno, staleDenoManifests } from "./rules/deno-rule.ts";
import { checkErrata, errata } from "./rules/errata-rule.ts";
import { checkExports } from "./rules/export-rule.ts";
import { checkFiles } from "./rules/file-rule.ts";
import { isStale } from "./rules/generated-document.ts";
import { checkLayers } from "./rules/layer-rule.ts";
import { checkPaperMap, paperMap } from "./rules/paper-map-rule.ts";
import { checkText } from "./rules/text-rule.ts";
import { findRepositoryRoot } from "./shared-asset.ts";

function main(args: readonly string[]): number {
  const unknown = args.find((arg) => arg !== "--fix");
  if (unknown !== undefined) {
    console.error(`Cannot run the check: ${unknown} is no option; the only one is --fix`);
    return 2;
  }
  const root = findRepositoryRoot();
  let files = readRepository(root);
  if (args.includes("--fix")) {
    const documents = [paperMap(files), errata(files)].filter((document) => isStale(files, document));
    for (const [path, text] of [
      ...staleDenoManifests(files, listPackages(files)),
      ...documents.map(({ path, text }) => [path, text] as const),
    ]) {
      writeFileSync(join(root, path), text);
      console.log(`wrote ${path}`);
    }
    files = readRepository(root);
  }
  const packages = listPackages(files);
  const findings: readonly Finding[] = [
    ...checkLayers(files, packages),
    ...checkExports(files, packages),
    ...checkFiles(files, packages),
    ...checkText(files),
    ...checkDeno(files, packages),
    ...checkPaperMap(files),
    ...checkErrata(files),
  ];
  const errorCount = findings.filter((each) => each.severity === "error").length;
  for (const { file, line, rule, message, severity } of findings) {
    const print = severity === "error" ? console.error : console.warn;
    print(`${file}:${line} ${severity === "error" ? "" : "warning "}${rule}: ${message}`);
  }
  const warningCount = findings.length - errorCount;
  console.log(
    `check: ${packages.length} packages, ${files.size} files, ${errorCount} errors, ${warningCount} warnings`,
  );
  return errorCount === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
