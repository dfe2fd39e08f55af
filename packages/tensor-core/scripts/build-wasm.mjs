// Compiles every *.as.ts kernel into one WebAssembly module a variant, and writes them as base64 into
// src/backends/cpu/kernels.generated.ts. Knows no kernel by name.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const entries = listKernelFiles();
// Imports of a shared and of an unshared memory are different types, so each needs a module of its own.
const memories = { Shared: ["--sharedMemory"], Unshared: [] };
const features = { relaxed: ["--enable", "relaxed-simd"], simd: [] };

const modules = {};
for (const [feature, featureFlags] of Object.entries(features)) {
  for (const [memory, memoryFlags] of Object.entries(memories)) {
    modules[`${feature}${memory}`] = await compile([...featureFlags, ...memoryFlags]);
  }
}
const lines = Object.entries(modules).map(
  ([name, bytes]) => `  ${name}:\n    "${Buffer.from(bytes).toString("base64")}",`,
);
writeFileSync(
  join(root, "src/backends/cpu/kernels.generated.ts"),
  [
    "// Made by scripts/build-wasm.mjs from the *.as.ts files; do not edit.",
    "",
    "/** WebAssembly modules in base64, by kernel variant and kind of memory. */",
    `export const kernelModules: Readonly<Record<${Object.keys(modules)
      .map((name) => `"${name}"`)
      .join(" | ")}, string>> = {`,
    ...lines,
    "};",
    "",
  ].join("\n"),
);

function listKernelFiles() {
  const folders = readdirSync(join(root, "src/ops"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const files = folders.flatMap(({ name }) =>
    readdirSync(join(root, "src/ops", name))
      .filter((file) => file.endsWith(".as.ts"))
      .map((file) => `src/ops/${name}/${file}`),
  );
  return ["src/backends/cpu/runtime.as.ts", ...files.sort()];
}

async function compile(flags) {
  let bytes;
  const { error, stderr } = await asc.main(
    [
      ...entries,
      ...["-O3", "--noAssert", "--runtime", "stub", "--uncheckedBehavior", "always", "--use", "abort="],
      ...["--importMemory", "--noExportMemory", "--initialMemory", "1", "--maximumMemory", "65536"],
      ...["--enable", "simd,threads,bulk-memory", "--baseDir", root, "--outFile", "kernels.wasm", ...flags],
    ],
    {
      readFile: (name, base) => {
        try {
          return readFileSync(join(base, name), "utf8");
        } catch {
          return null;
        }
      },
      writeFile: (name, contents) => {
        if (name === "kernels.wasm") bytes = contents;
      },
      listFiles: () => [],
    },
  );
  if (error !== null || bytes === undefined)
    throw new Error(`Cannot compile the kernels:\n${stderr.toString()}`, { cause: error });
  return bytes;
}
