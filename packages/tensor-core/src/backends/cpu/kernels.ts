// Kernel variants: which this engine has, compiled once a process, and proven on small sums before use. Knows no thread.
import { DeviceError } from "../../errors.ts";
import { kernelModules } from "./kernels.generated.ts";

/**
 * `relaxed` fuses multiply-adds, `simd` has two steps: the choice that decides bits. `wide` is relaxed with larger tiles
 * that the engine joins into 256-bit vectors, of the same bits.
 */
export type KernelVariant = "wide" | "relaxed" | "simd";

/** A compiled variant for one kind of memory. */
export interface Kernels {
  readonly variant: KernelVariant;
  readonly shared: boolean;
  readonly module: WebAssembly.Module;
}

/** Kernels that were chosen, and the variants before them with why they were not. */
export interface ChosenKernels extends Kernels {
  readonly passedOver: readonly string[];
}

/** An exported kernel: numbers in, nothing out; the last two are the units it owns. */
export type Kernel = (...args: number[]) => void;

/** The exports of an instance, by name. */
export type KernelExports = Readonly<Record<string, Kernel>>;

const variants: readonly KernelVariant[] = ["wide", "relaxed", "simd"];
const compiled = new Map<string, Promise<Kernels | string>>();

/**
 * The kernels of `wanted`, or of the fastest variant that passes its self-test. Throws DeviceError where the variant is
 * unknown or this engine lacks it.
 */
export async function loadKernels(shared: boolean, wanted?: string): Promise<ChosenKernels> {
  const choices = wanted === undefined ? variants : variants.filter((variant) => variant === wanted);
  if (choices.length === 0) {
    throw new DeviceError(
      "cpu",
      `Cannot open the cpu device: kernel variant "${wanted}" is unknown; choose one of ${variants.join(", ")}`,
    );
  }
  const reasons: string[] = [];
  for (const variant of choices) {
    const entry = compileOnce(variant, shared);
    const kernels = await entry;
    const reason = typeof kernels === "string" ? kernels : variant === wanted ? null : await slownessOf(kernels);
    if (typeof kernels !== "string" && reason === null) return { ...kernels, passedOver: reasons };
    reasons.push(`${variant}: ${reason}`);
  }
  throw new DeviceError(
    "cpu",
    `Cannot open the cpu device: this engine runs no kernel variant of those asked for (${reasons.join("; ")})`,
  );
}

/** Instance of a module over a memory, with its thread's own scratch. */
export function instantiate(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  threadScratch: number,
): KernelExports {
  const kernels = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as KernelExports;
  kernels.setThreadScratch!(threadScratch);
  return kernels;
}

function compileOnce(variant: KernelVariant, shared: boolean): Promise<Kernels | string> {
  const key = `${variant}${shared ? "Shared" : "Unshared"}` as const;
  let entry = compiled.get(key);
  if (entry === undefined) {
    entry = compile(variant, shared, kernelModules[key]);
    compiled.set(key, entry);
  }
  return entry;
}

/** Returns why not, where the variant cannot be had. */
async function compile(variant: KernelVariant, shared: boolean, base64: string): Promise<Kernels | string> {
  if (typeof WebAssembly === "undefined") return "no WebAssembly";
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  // Node 20 has relaxed SIMD behind a flag that may be set until the module is compiled.
  if (!WebAssembly.validate(bytes) && variant === "relaxed") setEngineFlags("--experimental-wasm-relaxed-simd");
  if (!WebAssembly.validate(bytes)) return "not supported";
  if (variant === "wide" && !joinsVectors()) return "this engine does not join vectors";
  const module = variant === "wide" ? compileJoined(bytes) : await WebAssembly.compile(bytes);
  const fault = selfTest(module, shared);
  return fault === null ? { variant, shared, module } : `its self-test failed: ${fault}`;
}

/** Engines that were tested to turn pairs of 128-bit vectors into 256 bits: V8 of Node 24 on x86-64. */
function joinsVectors(): boolean {
  const { versions, arch } = hostProcess() ?? {};
  return arch === "x64" && versions?.v8?.split(".")[0] === "13" && versions.bun === undefined;
}

// The joining pass is experimental, so it is on for this module alone: compiled at once and by the optimiser, after which
// no other code of the process meets the flags.
function compileJoined(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  setEngineFlags("--experimental-wasm-revectorize", "--no-liftoff", "--no-wasm-lazy-compilation");
  try {
    return new WebAssembly.Module(bytes);
  } finally {
    setEngineFlags("--no-experimental-wasm-revectorize", "--liftoff", "--wasm-lazy-compilation");
  }
}

/**
 * Null unless the variant is `wide` and its tiles are no faster than those of `relaxed`: without the joining, as on
 * processors that lack 256-bit vectors, they would be half as fast.
 */
async function slownessOf(kernels: Kernels): Promise<string | null> {
  if (kernels.variant !== "wide") return null;
  const relaxed = await compileOnce("relaxed", kernels.shared);
  if (typeof relaxed === "string") return null;
  const ratio = secondsOfTiles(relaxed) / secondsOfTiles(kernels);
  return ratio >= 1.1 ? null : `its tiles have ${ratio.toFixed(2)} times the speed of relaxed, at least 1.1 is asked`;
}

const tileSeconds = new WeakMap<WebAssembly.Module, number>();

/** Least time of a product of 64×64×256 in tiles, once the engine has optimised it. */
function secondsOfTiles({ module, shared }: Kernels): number {
  const held = tileSeconds.get(module);
  if (held !== undefined) return held;
  const memory = new WebAssembly.Memory({ initial: 4, maximum: 65_536, shared });
  const kernels = instantiate(module, memory, 1024);
  let least = Number.POSITIVE_INFINITY;
  const begin = performance.now();
  for (let round = 0; round < 12 || (performance.now() - begin < 10 && round < 400); round++) {
    const from = performance.now();
    kernels.multiplyPacked!(65_536, 131_072, 196_608, 64, 64, 64, 256, 0, 64, 64, 0, 1);
    least = Math.min(least, performance.now() - from);
  }
  tileSeconds.set(module, least / 1000);
  return least / 1000;
}

interface HostProcess {
  readonly arch?: string;
  readonly versions?: { readonly v8?: string; readonly bun?: string };
  getBuiltinModule?(name: string): unknown;
}

function hostProcess(): HostProcess | undefined {
  return (globalThis as { process?: HostProcess }).process;
}

function setEngineFlags(...flags: readonly string[]): void {
  const v8 = hostProcess()?.getBuiltinModule?.("node:v8") as
    | { setFlagsFromString?: (flag: string) => void }
    | undefined;
  for (const flag of flags) v8?.setFlagsFromString?.(flag);
}

// Engines have shipped wrong code for new vector instructions: a tile product and a row product of awkward sizes against
// float64 catch it before any user does.
function selfTest(module: WebAssembly.Module, shared: boolean): string | null {
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 65_536, shared });
  const kernels = instantiate(module, memory, 1024);
  const [rows, columns, inner] = [7, 13, 23];
  const [a, b, packedA, packedB, c] = [8192, 16_384, 24_576, 32_768, 49_152];
  const left = new Float32Array(memory.buffer, a, rows * inner);
  const right = new Float32Array(memory.buffer, b, columns * inner);
  for (let index = 0; index < left.length; index++) left[index] = Math.sin(index + 1);
  for (let index = 0; index < right.length; index++) right[index] = Math.cos(3 * index);
  const product = new Float32Array(memory.buffer, c, rows * columns);
  const worst = () => {
    let most = 0;
    for (let index = 0; index < product.length; index++) {
      let sum = 0;
      for (let k = 0; k < inner; k++)
        sum += left[Math.floor(index / columns) * inner + k]! * right[(index % columns) * inner + k]!;
      const difference = Math.abs(product[index]! - sum);
      most = difference <= most ? most : Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
    }
    return most;
  };
  kernels.packRows!(a, inner, 1, packedA, rows, inner, 0, Math.ceil(rows / 4));
  kernels.packColumns!(b, inner, 1, packedB, columns, inner, 0, Math.ceil(columns / 16));
  kernels.multiplyPacked!(packedA, packedB, c, columns, rows, columns, inner, 0, 64, 64, 0, 1);
  if (!(worst() < 1e-4)) return `the tile product is off by ${worst()}`;
  product.fill(Number.NaN);
  kernels.multiplyRowDots!(a, inner, b, inner, c, columns, rows, inner, 0, 0, columns);
  return worst() < 1e-4 ? null : `the row product is off by ${worst()}`;
}
