// The device's one WebAssembly memory: allocation, growth up to 4 GiB, views. Knows no op and no thread.
import { DeviceError } from "../../errors.ts";
import type { ArrayDtype, NumericArray } from "../../spec.ts";
import { Allocator } from "./allocator.ts";

const PAGE_BYTES = 65_536;
// 4 GiB is what a 32-bit address reaches; engines that cannot reserve it are asked for less.
const MAXIMUM_PAGES = [65_536, 32_768, 16_384, 8_192, 4_096];
// Memory grows by at least 16 MiB and a quarter of itself, so that many small tensors do not grow it one by one.
const GROWTH_PAGES = 256;

/** A growing WebAssembly memory with an allocator over it. Views go stale when it grows: make them, use them, drop them. */
export class CpuMemory {
  readonly memory: WebAssembly.Memory;
  readonly maximumBytes: number;
  readonly #allocator: Allocator;
  /** `reservedBytes` at the start are not handed out; `limitBytes` caps growth below what the engine allows. */
  constructor(options: { readonly shared: boolean; readonly reservedBytes: number; readonly limitBytes?: number }) {
    const { memory, maximumPages } = createMemory(options.shared, Math.ceil(options.reservedBytes / PAGE_BYTES) + 1);
    this.memory = memory;
    this.maximumBytes = Math.min(maximumPages * PAGE_BYTES, options.limitBytes ?? Number.POSITIVE_INFINITY);
    this.#allocator = new Allocator(options.reservedBytes, memory.buffer.byteLength);
  }
  get bytesInUse(): number {
    return this.#allocator.bytesInUse;
  }
  /** A 64-byte aligned address; throws DeviceError where the memory cannot be had. */
  allocate(byteLength: number): number {
    if (byteLength > this.maximumBytes) throw this.#exhausted(byteLength);
    const found = this.#allocator.allocate(byteLength);
    if (found !== null) return found;
    this.#grow(byteLength);
    const grown = this.#allocator.allocate(byteLength);
    if (grown === null) throw this.#exhausted(byteLength);
    return grown;
  }
  free(pointer: number): void {
    this.#allocator.free(pointer);
  }
  /** Elements at an address; valid until the memory grows. */
  view(pointer: number, dtype: ArrayDtype, length: number): NumericArray {
    const { buffer } = this.memory;
    if (dtype === "f32") return new Float32Array(buffer, pointer, length);
    return dtype === "u32" ? new Uint32Array(buffer, pointer, length) : new Float64Array(buffer, pointer, length);
  }
  #grow(byteLength: number): void {
    const current = this.memory.buffer.byteLength;
    const room = Math.floor((this.maximumBytes - current) / PAGE_BYTES);
    const needed = Math.ceil(byteLength / PAGE_BYTES) + 1;
    const generous = Math.max(needed, GROWTH_PAGES, Math.ceil(current / PAGE_BYTES / 4));
    for (const pages of new Set([generous, needed])) {
      const asked = Math.min(pages, room);
      if (asked <= 0) continue;
      try {
        this.memory.grow(asked);
      } catch {
        continue;
      }
      this.#allocator.extend(this.memory.buffer.byteLength);
      return;
    }
  }
  #exhausted(byteLength: number): DeviceError {
    return new DeviceError(
      "cpu",
      `Cannot allocate ${byteLength} bytes on the cpu device: ${this.bytesInUse} bytes are in use of at most ${this.maximumBytes}; dispose tensors, use scope(), or work in smaller batches`,
    );
  }
}

function createMemory(shared: boolean, initial: number): { memory: WebAssembly.Memory; maximumPages: number } {
  let failure: unknown;
  for (const maximum of MAXIMUM_PAGES) {
    try {
      return { memory: new WebAssembly.Memory({ initial, maximum, shared }), maximumPages: maximum };
    } catch (error) {
      failure = error;
    }
  }
  throw new DeviceError(
    "cpu",
    "Cannot open the cpu device: no WebAssembly memory could be reserved; close other devices first",
    {
      cause: failure,
    },
  );
}
