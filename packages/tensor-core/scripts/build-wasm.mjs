// Compiles every *.as.ts kernel into one WebAssembly module a variant, and writes them as base64 into
// src/backends/cpu/kernels.generated.ts. Knows no kernel by name.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const entries = listKernelFiles();
const builds = {
  wide: { flags: ["--enable", "relaxed-simd"], wideTiles: true },
  relaxed: { flags: ["--enable", "relaxed-simd"], wideTiles: false },
  simd: { flags: [], wideTiles: false },
};
const narrow = "WIDE_TILES: bool = false";

const modules = {};
for (const [build, options] of Object.entries(builds)) {
  const shared = await compile(options);
  checkMemoryImport(shared);
  modules[`${build}Shared`] = shared;
  modules[`${build}Unshared`] = withUnsharedMemory(shared);
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
  const kernels = readdirSync(join(root, "src"), { recursive: true })
    .map((file) => `src/${file.replaceAll("\\", "/")}`)
    .filter((file) => /^src\/(?:ops|formats)\/[^/]+\/[^/]+\.as\.ts$/.test(file));
  return ["src/backends/cpu/runtime.as.ts", ...kernels.sort()];
}

async function compile({ flags, wideTiles }) {
  let bytes;
  const { error, stderr } = await asc.main(
    [
      ...entries,
      ...["-O3", "--noAssert", "--runtime", "stub", "--uncheckedBehavior", "always", "--use", "abort="],
      ...["--importMemory", "--noExportMemory", "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536"],
      ...["--enable", "simd,threads,bulk-memory", "--baseDir", root, "--outFile", "kernels.wasm", ...flags],
    ],
    {
      readFile: (name, base) => {
        const source = readSource(join(base, name));
        if (!wideTiles || !name.endsWith("/build.as.ts")) return source;
        if (!source.includes(narrow)) throw new Error(`Cannot compile the wide build: ${name} lacks "${narrow}"`);
        return source.replace(narrow, "WIDE_TILES: bool = true");
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

function readSource(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** Kernels own no static data and call nothing: two devices, or two threads, could not share it. */
function checkMemoryImport(bytes) {
  // An engine without relaxed SIMD still checks the plain build, which is made of the same sources.
  if (!WebAssembly.validate(bytes)) return;
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes)).map(
    ({ module, name }) => `${module}.${name}`,
  );
  if (imports.join() !== "env.memory")
    throw new Error(`The kernels import ${imports.join(", ")}: they may import env.memory only`);
  if (sectionIds(bytes).includes(11)) throw new Error("The kernels hold static data: write constants into the code");
}

function sectionIds(bytes) {
  const ids = [];
  for (let at = 8; at < bytes.length; ) {
    ids.push(bytes[at++]);
    let size = 0;
    let shift = 0;
    let byte;
    do {
      byte = bytes[at++];
      size |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte & 0x80);
    at += size;
  }
  return ids;
}

// Imports of a shared and of an unshared memory are different types, but one bit apart: name, kind 2, limits 3 or 1.
function withUnsharedMemory(bytes) {
  const pattern = Buffer.from("\x03env\x06memory\x02\x03", "latin1");
  const at = Buffer.from(bytes).indexOf(pattern);
  if (at < 0) throw new Error("The kernels do not import a shared memory env.memory");
  const copy = Uint8Array.from(bytes);
  copy[at + pattern.length - 1] = 1;
  return copy;
}
