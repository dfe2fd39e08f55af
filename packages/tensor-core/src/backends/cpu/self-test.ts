// What a compiled module must show before it is used: products that agree with float64, dots of bytes that are exact, and
// how fast both are. Knows no variant.
import { blockColumns, panelRows } from "../../formats/format.ts";
import { packMatrix } from "../../formats/packing.ts";
import { instantiate, type KernelExports } from "./instance.ts";

/** A module and the kind of memory it imports. */
interface Testable {
  readonly module: WebAssembly.Module;
  readonly shared: boolean;
}

// Scratch memory of the one thread, operands behind it.
const SCRATCH = 1024;
const BEGIN = 131_072;

function createMemory(shared: boolean): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 5, maximum: 65_536, shared });
}

type Five = [number, number, number, number, number];

// Engines have shipped wrong code for new vector instructions: a tile product and a row product of awkward sizes against
// float64 catch it before any user does.
export function faultOfFloats(module: WebAssembly.Module, shared: boolean): string | null {
  const memory = createMemory(shared);
  const kernels = instantiate(module, memory, SCRATCH);
  const [rows, columns, inner] = [7, 13, 23];
  const [a, b, packedA, packedB, c] = [0, 1, 2, 3, 4].map((index) => BEGIN + 8192 * index) as Five;
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
  kernels.packRows!(a, inner, 1, packedA, rows, inner, 0, Math.ceil(rows / 12));
  kernels.packColumns!(b, inner, 1, packedB, columns, inner, 0, Math.ceil(columns / 16));
  kernels.multiplyPacked!(packedA, packedB, c, columns, rows, columns, inner, 0, 64, 64, 0, 1);
  if (!(worst() < 1e-4)) return `the tile product is off by ${worst()}`;
  product.fill(Number.NaN);
  kernels.multiplyRowDots!(a, inner, b, inner, c, columns, rows, inner, 0, 0, columns);
  return worst() < 1e-4 ? null : `the row product is off by ${worst()}`;
}

/**
 * What is wrong with dots of bytes, or null: products of integers with scales of 1, so that every sum is known to the last
 * bit, over two tiles of rows, a panel that is not full and a block that is not; with the largest numbers there are.
 */
export function faultOfIntegerDots(module: WebAssembly.Module, shared: boolean): string | null {
  const [rows, columns, inner, blocks] = [5, 19, 70, 3];
  const memory = createMemory(shared);
  const kernels = instantiate(module, memory, SCRATCH);
  const [x, held, scales, sums, weights, c] = [0, 1, 2, 3, 4, 5].map((index) => BEGIN + 8192 * index) as Six;
  const draw = createDraw();
  const features = new Float32Array(memory.buffer, x, rows * inner);
  const product = new Float32Array(memory.buffer, c, rows * columns);
  for (const dtype of ["q8", "q4"] as const) {
    const [most, largest] = dtype === "q8" ? [127, 8191] : [7, 127];
    // The first column of a block holds the largest, which makes its scale 1.
    features.forEach((_, index) => {
      const extreme = index % 4 < 2 ? largest : -largest;
      features[index] = (index % inner) % blockColumns === 0 ? extreme : draw(-largest, largest);
    });
    const integers = Float32Array.from({ length: columns * inner }, (_, index) => {
      if ((index % inner) % blockColumns === 0) return dtype === "q8" ? (index % 4 < 2 ? 127 : -127) : -8;
      return draw(-most, most);
    });
    const words = packMatrix(dtype, integers, columns, inner);
    new Uint32Array(memory.buffer, weights, words.length).set(words);
    const isRight = () =>
      product.every((value, index) => {
        const [row, column] = [Math.floor(index / columns), index % columns];
        let sum = 0;
        for (let block = 0; block < blocks; block++) {
          let whole = 0;
          for (let k = block * blockColumns; k < Math.min(inner, (block + 1) * blockColumns); k++)
            whole += features[row * inner + k]! * integers[column * inner + k]!;
          sum = Math.fround(sum + Math.fround(whole));
        }
        return value === sum;
      });
    const shape = [c, columns, rows, columns, inner, 0, 0] as const;
    product.fill(Number.NaN);
    const tiles = Math.ceil(rows / 4);
    if (dtype === "q8") {
      kernels.roundTilesInParts!(x, rows, inner, held, scales, 0, tiles);
      kernels.multiplyTilesQ8!(held, scales, weights, ...shape, 2);
    } else {
      kernels.roundTilesOfBytes!(x, rows, inner, held, scales, sums, 0, tiles);
      kernels.multiplyTilesQ4!(held, scales, sums, weights, ...shape, 2);
    }
    if (!isRight()) return `its self-test failed: dots of many rows with ${dtype} are wrong`;
    if (dtype === "q8") continue;
    product.fill(Number.NaN);
    kernels.roundBytes!(x, inner, held, scales, sums, 0, rows);
    kernels.multiplyNibbles!(held, scales, sums, weights, ...shape, Math.ceil(columns / panelRows));
    if (!isRight()) return "its self-test failed: dots of few rows with q4 are wrong";
  }
  return null;
}

type Six = [number, number, number, number, number, number];

/** Whole numbers from lowest to highest, the same each time. */
function createDraw(): (lowest: number, highest: number) => number {
  let state = 20_261_125;
  return (lowest, highest) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return lowest + Math.floor((state / 2 ** 32) * (highest - lowest + 1));
  };
}

const seconds = new WeakMap<WebAssembly.Module, Map<string, number>>();

/** Least time of a kernel, once the engine has optimised it; measured once a module. */
function leastSeconds({ module, shared }: Testable, name: string, run: (kernels: KernelExports) => void): number {
  const ofModule = seconds.get(module) ?? new Map<string, number>();
  seconds.set(module, ofModule);
  const held = ofModule.get(name);
  if (held !== undefined) return held;
  const kernels = instantiate(module, createMemory(shared), SCRATCH);
  const least =
    leastMilliseconds(
      () => run(kernels),
      () => performance.now(),
    ) / 1000;
  ofModule.set(name, least);
  return least;
}

/** Clocks of browsers tick as rarely as this, in milliseconds; a sample is several ticks long. */
const COARSEST_TICK = 0.1;
const MOST_REPEATS = 512;
const MOST_RUNS = 2000;

/** Least time of a run by a clock that may be coarse: fast runs are timed several together. 0 by a clock that stands still. */
export function leastMilliseconds(run: () => void, now: () => number): number {
  let least = Number.POSITIVE_INFINITY;
  let repeats = 1;
  let runs = 0;
  const begin = now();
  for (let round = 0; round < 12 || (now() - begin < 10 && runs < MOST_RUNS); round++) {
    const from = now();
    for (let repeat = 0; repeat < repeats; repeat++) run();
    const taken = now() - from;
    runs += repeats;
    if (taken < 4 * COARSEST_TICK && repeats < MOST_REPEATS) repeats *= 2;
    else least = Math.min(least, taken / repeats);
  }
  return least;
}

/** Least time of a product of 64×64×256 in tiles of floats. */
export function secondsOfFloats(kernels: Testable): number {
  return leastSeconds(kernels, "floats", (exports) => {
    exports.multiplyPacked!(BEGIN, BEGIN + 65_536, BEGIN + 131_072, 64, 64, 64, 256, 0, 64, 64, 0, 1);
  });
}

/** Least time of the same product with 8-bit weights, in dots of bytes. */
export function secondsOfIntegerDots(kernels: Testable): number {
  return leastSeconds(kernels, "dots", (exports) => {
    const [x, scales, weights, c] = [BEGIN, BEGIN + 65_536, BEGIN + 98_304, BEGIN + 131_072];
    exports.multiplyTilesQ8!(x, scales, weights, c, 64, 64, 64, 256, 0, 0, 4);
  });
}
