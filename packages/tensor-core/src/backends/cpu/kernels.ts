// Kernel variants: which this engine has, compiled once a process, and proven on small sums before use. Knows no thread.
import { DeviceError } from "../../errors.ts";
import { kernelModules } from "./kernels.generated.ts";
import { faultOfFloats, faultOfIntegerDots, secondsOfFloats, secondsOfIntegerDots } from "./self-test.ts";

/**
 * A build of the kernels: `relaxed` fuses multiply-adds, `simd` has two steps, which decides bits; `wide` is relaxed with
 * larger tiles that the engine joins into 256-bit vectors, of the same bits. With `-dots`, products of many rows with 8-
 * and 4-bit weights are dot products of integers, like those of few rows, where else weights are unpacked to floats.
 */
export type KernelVariant = "wide-dots" | "wide" | "relaxed-dots" | "relaxed" | "simd";

type Build = "wide" | "relaxed" | "simd";

/** A compiled build for one kind of memory. */
export interface Kernels {
  readonly build: Build;
  readonly shared: boolean;
  readonly module: WebAssembly.Module;
}

/** Kernels that were chosen, and the variants before them with why they were not. */
export interface ChosenKernels extends Kernels {
  readonly variant: KernelVariant;
  /** Whether the engine's dot products of bytes are to be used. */
  readonly integerDots: boolean;
  readonly passedOver: readonly string[];
}

/** From the fastest on. */
const variants: Readonly<Record<KernelVariant, { readonly build: Build; readonly integerDots: boolean }>> = {
  "wide-dots": { build: "wide", integerDots: true },
  wide: { build: "wide", integerDots: false },
  "relaxed-dots": { build: "relaxed", integerDots: true },
  relaxed: { build: "relaxed", integerDots: false },
  simd: { build: "simd", integerDots: false },
};
const compiled = new Map<string, Promise<Kernels | string>>();

/**
 * The kernels of `wanted`, or of the fastest variant that passes its self-test. Throws DeviceError where the variant is
 * unknown or this engine lacks it.
 */
export async function loadKernels(shared: boolean, wanted?: string): Promise<ChosenKernels> {
  const names = Object.keys(variants) as KernelVariant[];
  const choices = wanted === undefined ? names : names.filter((variant) => variant === wanted);
  if (choices.length === 0) {
    throw new DeviceError(
      "cpu",
      `Cannot open the cpu device: kernel variant "${wanted}" is unknown; choose one of ${names.join(", ")}`,
    );
  }
  const passedOver: string[] = [];
  for (const variant of choices) {
    const { build, integerDots } = variants[variant];
    const kernels = await (wanted === undefined
      ? fastest(build, integerDots, shared)
      : proven(build, integerDots, shared));
    if (typeof kernels !== "string") return { ...kernels, variant, integerDots, passedOver };
    passedOver.push(`${variant}: ${kernels}`);
  }
  throw new DeviceError(
    "cpu",
    `Cannot open the cpu device: this engine runs no kernel variant of those asked for (${passedOver.join("; ")})`,
  );
}

/** A variant that computes rightly and faster than the ones behind it, or why it does not. */
async function fastest(build: Build, integerDots: boolean, shared: boolean): Promise<Kernels | string> {
  const kernels = await compileOnce(build, shared, false);
  if (typeof kernels === "string") return kernels;
  return (await slownessOf(kernels)) ?? (integerDots ? reasonAgainstDots(kernels) : null) ?? kernels;
}

/** A variant that computes rightly, however fast. */
async function proven(build: Build, integerDots: boolean, shared: boolean): Promise<Kernels | string> {
  const kernels = await compileOnce(build, shared, false);
  if (typeof kernels === "string" || !integerDots || faultOfIntegerDots(kernels.module, shared) === null)
    return kernels;
  // The baseline compiler of Node 20 computes dots wrongly, its optimiser rightly.
  const optimised = await compileOnce(build, shared, true);
  return typeof optimised === "string" ? optimised : (faultOfIntegerDots(optimised.module, shared) ?? optimised);
}

function compileOnce(build: Build, shared: boolean, optimised: boolean): Promise<Kernels | string> {
  const key = `${build}${shared ? "Shared" : "Unshared"}` as const;
  const name = optimised ? `${key} optimised` : key;
  let entry = compiled.get(name);
  if (entry === undefined) {
    entry = compile(build, shared, optimised, kernelModules[key]);
    compiled.set(name, entry);
  }
  return entry;
}

/** Returns why not, where the build cannot be had. */
async function compile(build: Build, shared: boolean, optimised: boolean, base64: string): Promise<Kernels | string> {
  if (typeof WebAssembly === "undefined") return "no WebAssembly";
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  // Node 20 has relaxed SIMD behind a flag that may be set until the module is compiled.
  if (!WebAssembly.validate(bytes) && build === "relaxed") setEngineFlags("--experimental-wasm-relaxed-simd");
  if (!WebAssembly.validate(bytes)) return "not supported";
  if (build === "wide" && !joinsVectors()) return "this engine does not join vectors";
  const joined = build === "wide" ? ["--experimental-wasm-revectorize"] : [];
  // An engine that knows the bytes hands out the code it has; an empty section of a name makes them others.
  const own = optimised ? withSection(bytes) : bytes;
  const module = optimised || build === "wide" ? compileOptimised(own, joined) : await WebAssembly.compile(bytes);
  const fault = faultOfFloats(module, shared);
  return fault === null ? { build, shared, module } : `its self-test failed: ${fault}`;
}

function withSection(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const longer = new Uint8Array(bytes.length + 4);
  longer.set(bytes);
  longer.set([0, 2, 1, 0x6f], bytes.length);
  return longer;
}

/** Engines that were tested to turn pairs of 128-bit vectors into 256 bits: V8 of Node 24 on x86-64. */
function joinsVectors(): boolean {
  const { versions, arch } = hostProcess() ?? {};
  return arch === "x64" && versions?.v8?.split(".")[0] === "13" && versions.bun === undefined;
}

// Such flags are on for this module alone: compiled at once and by the optimiser, after which no other code of the process
// meets them.
function compileOptimised(bytes: Uint8Array<ArrayBuffer>, flags: readonly string[]): WebAssembly.Module {
  setEngineFlags(...flags, "--no-liftoff", "--no-wasm-lazy-compilation");
  try {
    return new WebAssembly.Module(bytes);
  } finally {
    setEngineFlags(...flags.map((flag) => flag.replace("--", "--no-")), "--liftoff", "--wasm-lazy-compilation");
  }
}

/**
 * Null unless the build is `wide` and its tiles are no faster than those of `relaxed`: without the joining, as on
 * processors that lack 256-bit vectors, they would be half as fast.
 */
async function slownessOf(kernels: Kernels): Promise<string | null> {
  if (kernels.build !== "wide") return null;
  const relaxed = await compileOnce("relaxed", kernels.shared, false);
  if (typeof relaxed === "string") return null;
  const ratio = secondsOfFloats(relaxed) / secondsOfFloats(kernels);
  return ratio >= 1.1 ? null : `its tiles have ${speed(ratio)} of relaxed, at least 1.1 is asked`;
}

/** Null where integer dots are right, and faster than floats by as much as unpacking weights to floats is left aside. */
function reasonAgainstDots(kernels: Kernels): string | null {
  const { module, shared } = kernels;
  const fault = faultOfIntegerDots(module, shared);
  if (fault !== null) return fault;
  const ratio = secondsOfFloats(kernels) / secondsOfIntegerDots(kernels);
  if (!(ratio >= 1.1)) return `its dots have ${speed(ratio)} of floats, at least 1.1 is asked`;
  // Once more, for by now an engine that compiles twice has optimised them.
  return faultOfIntegerDots(module, shared);
}

function speed(ratio: number): string {
  return Number.isFinite(ratio)
    ? `${ratio.toFixed(2)} times the speed`
    : "a speed that this clock cannot set beside that";
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
