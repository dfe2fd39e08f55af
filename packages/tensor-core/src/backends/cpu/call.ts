// What an op's cpu kernel is given: pointers into the shared memory, and the pool that runs exported kernels over it.
import type { ArrayDtype, NumericArray, TensorSpec } from "../../spec.ts";

/** A tensor in the WebAssembly memory. */
export interface CpuView extends TensorSpec {
  /** Byte address, 64-byte aligned; the memory behind it is a whole number of 64-byte lines. */
  readonly pointer: number;
  /** The same memory as an array, for glue in JavaScript. Made anew at each access: `scratch` may grow the memory. */
  readonly data: NumericArray;
  /** The same for choices that change no result, such as how work is divided: recordings keep them as they were made. */
  readonly glance: NumericArray;
}

/** The part of a call that runs kernels: what shared building blocks such as `gemm` need of it. */
export interface CpuRunner {
  /** Whether products with integer weights are to be dots of bytes: this engine was seen to compute them rightly and fast. */
  readonly integerDots: boolean;
  /**
   * Runs the exported kernel `name(...args, begin, end)` over 0..unitCount in chunks that own disjoint outputs.
   * Chunks hold at least `minimumChunk` units; work of fewer than two such chunks stays on the calling thread.
   */
  parallel(name: string, args: readonly number[], unitCount: number, minimumChunk?: number): void;
  /** Bytes of scratch memory, 64-byte aligned, freed after the op. */
  scratch(byteLength: number): number;
  /** Gives scratch memory back early, so that a loop reuses it. */
  release(pointer: number): void;
  /** Memory at a pointer as an array; stale once `scratch` is called again. */
  view(pointer: number, dtype: ArrayDtype, length: number): NumericArray;
}

/** One call of an op on the cpu device; it must write every element of every output. */
export interface CpuCall<Attrs> extends CpuRunner {
  readonly inputs: readonly CpuView[];
  readonly outputs: readonly CpuView[];
  readonly attrs: Attrs;
}

// About two microseconds of multiply-adds: below that, handing a chunk to another thread costs more than it saves.
const GRAIN = 16_384;

/** The least units a chunk should hold where one unit costs about `unitWork` multiply-adds. */
export function chunkFor(unitWork: number): number {
  return Math.max(1, Math.ceil(GRAIN / Math.max(1, unitWork)));
}
