// Layers, declared dependencies and import cycles. Knows the table of layers, not what the packages do.
import { builtinModules } from "node:module";
import { allowedImports, cyclicFolders, testOnlyPackages } from "../layers.ts";
import type { Files, Finding, WorkspacePackage } from "../repository.ts";
import { folderOf, isScript, isTest, resolvePath } from "../repository.ts";
import { type ImportRecord, listImports } from "../source-scan.ts";

// The root manifest provides these to every test; the laws in src/testing import them too.
const testPackages = ["vitest", "fast-check"];
const scope = "@dual-head/";

/** The package part of a bare specifier: `@scope/name` or `name`. */
function packageOf(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

/** Checks one import of another internal package; returns what is wrong, or null. */
function internalProblem(
  from: WorkspacePackage,
  target: WorkspacePackage | undefined,
  specifier: string,
  test: boolean,
): string | null {
  if (target === undefined) return `imports ${specifier}, which is no package here, correct the name`;
  if (target.folder === from.folder) return `imports its own package by name, use a relative path`;
  const name = target.manifest.name!;
  if (!from.references.includes(target.folder)) {
    return `imports ${name} without a reference to ${target.folder} in ${from.folder}/tsconfig.json, add it`;
  }
  if (test) {
    // What a test imports must be built before its package is: turbo orders packages by their manifests.
    const { dependencies, devDependencies } = from.manifest;
    const isDeclared = { ...dependencies, ...devDependencies }[name] !== undefined;
    return isDeclared || testOnlyPackages.includes(target.key)
      ? null
      : `imports ${name}, which ${from.folder}/package.json does not declare, add it to devDependencies`;
  }
  if (testOnlyPackages.includes(target.key))
    return `imports ${name}, which is for tests only, move the code into a test`;
  if (!allowedImports(from.key)?.includes(target.key)) {
    return `imports ${name}, which is not below ${from.key}, invert the dependency or change layers.ts with a reason`;
  }
  if (from.manifest.dependencies?.[name] === undefined) {
    return `imports ${name}, which ${from.folder}/package.json does not declare, add it to dependencies`;
  }
  return null;
}

/** Checks one import of a package from outside; returns what is wrong, or null. */
function externalProblem(from: WorkspacePackage, path: string, record: ImportRecord): string | null {
  const name = packageOf(record.specifier);
  if (record.specifier.startsWith("node:")) return null;
  if (builtinModules.includes(name)) return `imports ${record.specifier}, write node:${record.specifier}`;
  if (testPackages.includes(name)) {
    const tool = testOnlyPackages.includes(from.key);
    return tool || isTest(path) || path.includes("/testing/")
      ? null
      : `imports ${name} outside tests and src/testing, move it`;
  }
  const { dependencies, optionalDependencies, peerDependencies, devDependencies } = from.manifest;
  const runtime = { ...dependencies, ...optionalDependencies, ...peerDependencies };
  const declared = record.typeOnly || isTest(path) ? { ...runtime, ...devDependencies } : runtime;
  return declared[name] === undefined
    ? `imports ${name}, which ${from.folder}/package.json does not declare, add it to dependencies`
    : null;
}

/** Finds every cycle among value imports once; type-only imports are erased and cannot cause one. */
function findCycles(graph: ReadonlyMap<string, readonly { readonly to: string; readonly line: number }[]>): Finding[] {
  const findings: Finding[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  function visit(file: string): void {
    if (done.has(file)) return;
    trail.push(file);
    for (const { to, line } of graph.get(file) ?? []) {
      const start = trail.indexOf(to);
      if (start < 0) {
        visit(to);
        continue;
      }
      const circle = [...trail.slice(start), to];
      if (cyclicFolders.some((folder) => circle.every((path) => path.startsWith(folder)))) continue;
      const names = circle.map((path) => path.split("/src/").at(-1)).join(" → ");
      const message = `closes the import cycle ${names}, move what they share into a file of its own`;
      findings.push({ file, line, rule: "cycle", message, severity: "error" });
    }
    trail.pop();
    done.add(file);
  }
  for (const file of graph.keys()) visit(file);
  return findings;
}

/** Checks imports against the table of layers, the manifests and the references, and finds cycles between files. */
export function checkLayers(files: Files, packages: readonly WorkspacePackage[]): readonly Finding[] {
  const findings: Finding[] = [];
  const graph = new Map<string, { to: string; line: number }[]>();
  const byName = new Map(packages.map((each) => [each.manifest.name, each]));

  for (const from of packages) {
    const manifest = `${from.folder}/package.json`;
    const report = (file: string, line: number, message: string, severity: Finding["severity"] = "error") =>
      findings.push({ file, line, rule: "layer", message, severity });
    const allowed = allowedImports(from.key);
    if (allowed === null) report(manifest, 1, `${from.key} has no row in layers.ts, add one`);
    const declared = Object.keys(from.manifest.dependencies ?? {}).filter((name) => name.startsWith(scope));
    const unused = new Set(declared);
    for (const name of declared) {
      const key = byName.get(name)?.key;
      if (key === undefined) report(manifest, 1, `declares ${name}, which is no package here, remove it`);
      else if (allowed !== null && !allowed.includes(key) && !testOnlyPackages.includes(key)) {
        report(
          manifest,
          1,
          `declares ${name}, which is not below ${from.key}, remove it or change layers.ts with a reason`,
        );
      }
    }

    for (const [path, text] of files) {
      if (!path.startsWith(`${from.folder}/src/`) || !isScript(path) || path.endsWith(".as.ts")) continue;
      const edges: { to: string; line: number }[] = [];
      graph.set(path, edges);
      for (const record of listImports(text)) {
        const { specifier, line } = record;
        if (specifier.startsWith(".")) {
          const to = resolvePath(folderOf(path), specifier);
          if (!to.startsWith(`${from.folder}/`))
            report(path, line, `reaches out of its package by ${specifier}, import by name`);
          if (!record.typeOnly && !isTest(path)) edges.push({ to, line });
        } else if (specifier.startsWith(scope)) {
          const name = packageOf(specifier);
          if (!isTest(path)) unused.delete(name);
          const problem = internalProblem(from, byName.get(name), specifier, isTest(path));
          if (problem !== null) report(path, line, problem);
        } else {
          const problem = externalProblem(from, path, record);
          if (problem !== null) report(path, line, problem);
        }
      }
    }
    for (const name of unused) {
      if (byName.has(name)) report(manifest, 1, `declares ${name} but no source imports it, remove it`, "warning");
    }
  }
  return [...findings, ...findCycles(graph)];
}
