// Kernel variants: which this engine has, compiled once a process, and proven on small sums before use. Knows no thread.
import { DeviceError } from "../../errors.ts";
import { kernelModules } from "./kernels.generated.ts";

/** Fused (relaxed SIMD) or two-step multiply-adds: the choice that decides bits. */
export type KernelVariant = "relaxed" | "simd";

/** A compiled variant for one kind of memory. */
export interface Kernels {
  readonly variant: KernelVariant;
  readonly shared: boolean;
  readonly module: WebAssembly.Module;
}

/** An exported kernel: numbers in, nothing out; the last two are the units it owns. */
export type Kernel = (...args: number[]) => void;

/** The exports of an instance, by name. */
export type KernelExports = Readonly<Record<string, Kernel>>;

const variants: readonly KernelVariant[] = ["relaxed", "simd"];
const compiled = new Map<string, Promise<Kernels | string>>();

/**
 * The kernels of `wanted`, or of the fastest variant that passes its self-test. Throws DeviceError where the variant is
 * unknown or this engine lacks it.
 */
export async function loadKernels(shared: boolean, wanted?: string): Promise<Kernels> {
  const choices = wanted === undefined ? variants : variants.filter((variant) => variant === wanted);
  if (choices.length === 0) {
    throw new DeviceError(
      "cpu",
      `Cannot open the cpu device: kernel variant "${wanted}" is unknown; choose one of ${variants.join(", ")}`,
    );
  }
  const reasons: string[] = [];
  for (const variant of choices) {
    const key = `${variant}${shared ? "Shared" : "Unshared"}` as const;
    let entry = compiled.get(key);
    if (entry === undefined) {
      entry = compile(variant, shared, kernelModules[key]);
      compiled.set(key, entry);
    }
    const kernels = await entry;
    if (typeof kernels !== "string") return kernels;
    reasons.push(`${variant}: ${kernels}`);
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

/** Returns why not, where the variant cannot be had. */
async function compile(variant: KernelVariant, shared: boolean, base64: string): Promise<Kernels | string> {
  if (typeof WebAssembly === "undefined") return "no WebAssembly";
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  // Node 20 has relaxed SIMD behind a flag that may be set until the module is compiled.
  if (!WebAssembly.validate(bytes) && variant === "relaxed") allowRelaxedSimd();
  if (!WebAssembly.validate(bytes)) return "not supported";
  const module = await WebAssembly.compile(bytes);
  const fault = selfTest(module, shared);
  return fault === null ? { variant, shared, module } : `its self-test failed: ${fault}`;
}

function allowRelaxedSimd(): void {
  const host = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process;
  const v8 = host?.getBuiltinModule?.("node:v8") as { setFlagsFromString?: (flag: string) => void } | undefined;
  v8?.setFlagsFromString?.("--experimental-wasm-relaxed-simd");
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
  kernels.packColumns!(b, inner, 1, packedB, columns, inner, 0, Math.ceil(columns / 8));
  kernels.multiplyPacked!(packedA, packedB, c, columns, rows, columns, inner, 0, 64, 64, 0, 1);
  if (!(worst() < 1e-4)) return `the tile product is off by ${worst()}`;
  product.fill(Number.NaN);
  kernels.multiplyRowDots!(a, inner, b, inner, c, columns, rows, inner, 0, 0, columns);
  return worst() < 1e-4 ? null : `the row product is off by ${worst()}`;
}
