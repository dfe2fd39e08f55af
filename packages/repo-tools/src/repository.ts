// The repository as the checks see it: the text of each of its files and the packages among them.
// Rules are pure functions of this value, so they are tested without a disk.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** The parts of a package.json that the rules read. */
export interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** One workspace package. */
export interface WorkspacePackage {
  /** Relative to the root, for example `packages/heads`. */
  readonly folder: string;
  /** The last part of the folder, by which the layer table knows it; an app is `apps/<name>`. */
  readonly key: string;
  readonly manifest: Manifest;
  /** Folders named by tsconfig references, relative to the root. */
  readonly references: readonly string[];
}

/** Text files by path relative to the root, with forward slashes. */
export type Files = ReadonlyMap<string, string>;

/** One violation; a warning does not fail the check. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
  readonly severity: "error" | "warning";
}

/** Resolves `relative` against the folder `base`, both with forward slashes. */
export function resolvePath(base: string, relative: string): string {
  const parts = base === "" ? [] : base.split("/");
  for (const part of relative.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}

/** The folder of a path, empty at the root. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** Whether a path is a script the source rules apply to. */
export function isScript(path: string): boolean {
  return /\.(?:ts|mts|js|mjs)$/.test(path);
}

/** Whether a file is a test, or a program that a test starts (`x.test-program.ts`): no part of what a package exports. */
export function isTest(path: string): boolean {
  return /\.test(?:-program)?\.[mc]?[tj]s$/.test(path);
}

/** Finds the workspace packages (`packages/*`, `apps/*`, `benchmarks`) among the files. */
export function listPackages(files: Files): readonly WorkspacePackage[] {
  const packages: WorkspacePackage[] = [];
  for (const [path, text] of files) {
    const match = /^((?:packages|apps)\/[^/]+|benchmarks)\/package\.json$/.exec(path);
    if (match === null) continue;
    const folder = match[1]!;
    const tsconfig = JSON.parse(files.get(`${folder}/tsconfig.json`) ?? "{}") as {
      readonly references?: readonly { readonly path: string }[];
    };
    packages.push({
      folder,
      key: folder.replace(/^packages\//, ""),
      manifest: JSON.parse(text) as Manifest,
      references: (tsconfig.references ?? []).map((reference) => resolvePath(folder, reference.path)),
    });
  }
  return packages.sort((a, b) => a.folder.localeCompare(b.folder));
}

// Nothing anyone reads line by line is larger.
const textSizeLimit = 4 * 1024 * 1024;

/** Reads every text file that git tracks or would track (new files that are not ignored). */
export function readRepository(root: string): Files {
  const listed = execFileSync(
    "git",
    ["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  const files = new Map<string, string>();
  for (const path of listed.split("\0").sort()) {
    const full = join(root, path);
    if (path === "" || !existsSync(full)) continue;
    const status = statSync(full);
    if (!status.isFile() || status.size > textSizeLimit) continue;
    const text = readFileSync(full, "utf8");
    if (!text.includes("\0")) files.set(path, text);
  }
  return files;
}
