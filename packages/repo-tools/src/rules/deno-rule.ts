// Keeps deno.json in step with package.json: same name, version and licence, exports from source.
// Dependencies are not repeated: Deno reads them from package.json.
import type { Files, Finding, Manifest, WorkspacePackage } from "../repository.ts";

/** The text deno.json must have, or null for a package that exports nothing. */
export function denoManifest(manifest: Manifest): string | null {
  const entries = Object.entries(manifest.exports ?? {}).map(([subpath, targets]) => [
    subpath,
    targets["@dual-head/source"],
  ]);
  if (entries.length === 0) return null;
  const { name, version, license } = manifest;
  return `${JSON.stringify({ name, version, license, exports: Object.fromEntries(entries) }, null, 2)}\n`;
}

/** The deno.json files that are missing or out of step, with the text they should have. */
export function staleDenoManifests(files: Files, packages: readonly WorkspacePackage[]): ReadonlyMap<string, string> {
  const stale = new Map<string, string>();
  for (const { folder, manifest } of packages) {
    const expected = denoManifest(manifest);
    const path = `${folder}/deno.json`;
    if (expected !== null && files.get(path) !== expected) stale.set(path, expected);
  }
  return stale;
}

/** Reports each deno.json that is missing or out of step. */
export function checkDeno(files: Files, packages: readonly WorkspacePackage[]): readonly Finding[] {
  return [...staleDenoManifests(files, packages).keys()].map((file) => ({
    file,
    line: 1,
    rule: "deno",
    message: `${files.has(file) ? "differs from package.json" : "does not exist"}, run npm run check -- --fix`,
    severity: "error",
  }));
}
