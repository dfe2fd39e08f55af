// Builds the prototypes of a folder into a temporary one and opens their kernels. Knows no kernel of ours.
import { execFileSync } from "node:child_process";
import { copyFile, mkdtemp, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import v8 from "node:v8";

const compilerFlags = [
  ...["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd,threads,bulk-memory", "--enable", "relaxed-simd"],
  ...["--importMemory", "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536"],
  ...["--uncheckedBehavior", "always"],
];
const MEMORY_BYTES = 440 * 2 ** 20;

/** Engines that join pairs of vectors: measured on Node 24. */
export const joinsVectors = Number(process.versions.node.split(".")[0]) >= 24;

/** Generates and compiles the kernels of `folder` elsewhere; gives the place, which the caller removes. */
export async function buildPrototypes(folder) {
  const place = await mkdtemp(join(tmpdir(), "dual-head-prototypes-"));
  for (const name of ["gen2.mjs", "gence.mjs", "pool2.mjs", "ce.mjs"])
    await copyFile(join(folder, name), join(place, name));
  for (const name of ["gen2.mjs", "gence.mjs"]) execFileSync(process.execPath, [name], { cwd: place });
  const compiler = join(dirname(createRequire(import.meta.url).resolve("assemblyscript/package.json")), "bin/asc.js");
  for (const name of ["k2", "ce"]) {
    const files = [`${name}.ts`, "-o", `${name}_rel.wasm`];
    execFileSync(process.execPath, [compiler, ...files, ...compilerFlags], { cwd: place, stdio: "pipe" });
  }
  return place;
}

/** The prototypes' pool over memory full of small numbers: exports by name, run(kernel, args, units, chunk), allocate(bytes). */
export async function openPrototypes(place, threads) {
  const { Pool } = await import(pathToFileURL(join(place, "pool2.mjs")).href);
  const memory = new WebAssembly.Memory({ initial: MEMORY_BYTES / 65_536, maximum: 32_768, shared: true });
  const bytes = await readFile(join(place, "k2_rel.wasm"));
  if (!joinsVectors) v8.setFlagsFromString("--experimental-wasm-relaxed-simd");
  const joining = ["experimental-wasm-revectorize", "no-liftoff", "no-wasm-lazy-compilation"];
  if (joinsVectors) for (const flag of joining) v8.setFlagsFromString(`--${flag}`);
  const pool = new Pool(bytes, memory, threads, 20_000);
  const ordinary = ["no-experimental-wasm-revectorize", "liftoff", "wasm-lazy-compilation"];
  if (joinsVectors) for (const flag of ordinary) v8.setFlagsFromString(`--${flag}`);
  await pool.start();
  const begin = 65_536;
  const words = new Uint32Array(memory.buffer, begin);
  // Of every half-word and float a small number, of every byte anything.
  for (let index = 0, state = 12_345; index < words.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    words[index] = 0x3c003c00 ^ (state & 0x83ff83ff);
  }
  let top = begin;
  return {
    kernels: pool.ex,
    run: (name, args, units, chunk) => pool.run(name, args, units, chunk),
    allocate(size) {
      const pointer = top;
      top = (top + size + 4095) & ~4095;
      if (top > memory.buffer.byteLength)
        throw new Error(`Cannot allocate ${size} bytes for prototypes: raise MEMORY_BYTES`);
      return pointer;
    },
    reset() {
      top = begin;
    },
    stop: () => pool.stop(),
  };
}
