// A mistake in an AssemblyScript kernel: the kernels are compiled anew from a copy of their sources, in a folder that git
// ignores, by the package's own script. Knows that script by its path and no kernel by name.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Mutation, mutate } from "./mutation.ts";

const packageFolder = "packages/tensor-core";
const script = "scripts/build-wasm.mjs";
const generated = "src/backends/cpu/kernels.generated.ts";

/** The module whose text changes when a kernel does, relative to the root. */
export const kernelModule: string = `${packageFolder}/${generated}`;

/** Whether a source is compiled into the kernels. */
export function isKernel(file: string): boolean {
  return file.endsWith(".as.ts");
}

/** The text of the module of compiled kernels with the mistake in one of them. */
export function compileKernelsWith(root: string, mutation: Mutation): string {
  // Inside node_modules, so that the script finds its compiler.
  const cache = join(root, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const copy = mkdtempSync(join(cache, "mutation-"));
  try {
    const from = join(root, packageFolder);
    cpSync(join(from, "src"), join(copy, "src"), {
      recursive: true,
      filter: (path) => isKernel(path) || !/\.\w+$/.test(path),
    });
    mkdirSync(dirname(join(copy, script)), { recursive: true });
    cpSync(join(from, script), join(copy, script));
    const source = join(copy, mutation.file.slice(packageFolder.length));
    writeFileSync(source, mutate(readFileSync(source, "utf8"), mutation));
    execFileSync(process.execPath, [join(copy, script)], { stdio: "pipe" });
    return readFileSync(join(copy, generated), "utf8");
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
