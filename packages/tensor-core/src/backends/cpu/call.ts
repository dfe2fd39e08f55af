// What an op's cpu kernel is given: pointers into the shared memory, and the pool that runs exported kernels over it.
import type { NumericArray, TensorSpec } from "../../spec.ts";

/** A tensor in the WebAssembly memory. */
export interface CpuView extends TensorSpec {
  /** Byte address, 64-byte aligned. */
  readonly pointer: number;
  /** The same memory as an array, for glue in JavaScript. */
  readonly data: NumericArray;
}

/** One call of an op on the cpu device; it must write every element of every output. */
export interface CpuCall<Attrs> {
  readonly inputs: readonly CpuView[];
  readonly outputs: readonly CpuView[];
  readonly attrs: Attrs;
  /** Runs the exported kernel `name(...args, begin, end)` over 0..unitCount in chunks that own disjoint outputs. */
  parallel(name: string, args: readonly number[], unitCount: number, minimumChunk?: number): void;
  /** Bytes of scratch memory, 64-byte aligned, freed after the op. */
  scratch(byteLength: number): number;
}
