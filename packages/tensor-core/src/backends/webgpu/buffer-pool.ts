// GPU buffers by size class, kept for reuse. Knows no commands, only whether the open recording has touched a buffer.
import { DeviceError } from "../../errors.ts";

/** A pooled buffer and the serial of the last recording that used it. */
export interface PooledBuffer {
  readonly gpu: GPUBuffer;
  /** Bytes asked for, at least 4; bindings span these. */
  byteLength: number;
  readonly capacity: number;
  lastUse: number;
}

// GPUBufferUsage is no global in Node.
const STORAGE_COPY = 0x80 | 0x04 | 0x08;
const smallest = 256;
const largestPowerClass = 1 << 20;
const largestSharedClass = 16 << 20;

/** Size class: powers of two, eighths of one from 1 MiB, exact from 16 MiB, where waste would cost more than reuse saves. */
export function sizeClass(byteLength: number): number {
  const size = Math.max(smallest, byteLength);
  if (size <= largestPowerClass) return 2 ** Math.ceil(Math.log2(size));
  const step = size > largestSharedClass ? smallest : 2 ** (Math.floor(Math.log2(size)) - 3);
  return Math.ceil(size / step) * step;
}

/** Buffers in use and idle. Freed buffers that unsubmitted commands touch are reused last: writing to one costs a submit. */
export class BufferPool {
  readonly #device: GPUDevice;
  readonly #idleLimit: number;
  readonly #ready = new Map<number, PooledBuffer[]>();
  readonly #pending = new Map<number, PooledBuffer[]>();
  readonly #all = new Set<PooledBuffer>();
  #idleBytes = 0;
  constructor(device: GPUDevice, idleLimit: number) {
    this.#device = device;
    this.#idleLimit = idleLimit;
  }
  /** GPU buffers that exist, in use or idle. */
  get bufferCount(): number {
    return this.#all.size;
  }
  take(byteLength: number): PooledBuffer {
    const capacity = sizeClass(byteLength);
    const held = this.#ready.get(capacity)?.pop() ?? this.#pending.get(capacity)?.pop();
    if (held !== undefined) {
      this.#idleBytes -= capacity;
      held.byteLength = Math.max(4, byteLength);
      return held;
    }
    if (capacity > this.#device.limits.maxBufferSize) {
      throw new DeviceError(
        "webgpu",
        `Cannot allocate ${byteLength} bytes on webgpu: one buffer holds at most ${this.#device.limits.maxBufferSize} (maxBufferSize); use a smaller batch or model, or the cpu device`,
      );
    }
    const gpu = this.#device.createBuffer({ size: capacity, usage: STORAGE_COPY });
    const buffer = { gpu, byteLength: Math.max(4, byteLength), capacity, lastUse: -1 };
    this.#all.add(buffer);
    return buffer;
  }
  /** Takes a buffer back; `recording` is the serial of the unsubmitted commands. */
  give(buffer: PooledBuffer, recording: number): void {
    const lists = buffer.lastUse === recording ? this.#pending : this.#ready;
    const list = lists.get(buffer.capacity);
    if (list === undefined) lists.set(buffer.capacity, [buffer]);
    else list.push(buffer);
    this.#idleBytes += buffer.capacity;
  }
  /** After a submit: nothing is pending any more, and what exceeds the idle limit is destroyed, largest first. */
  settle(): void {
    for (const [capacity, list] of this.#pending) {
      const ready = this.#ready.get(capacity);
      if (ready === undefined) this.#ready.set(capacity, list);
      else ready.push(...list);
    }
    this.#pending.clear();
    if (this.#idleBytes <= this.#idleLimit) return;
    for (const capacity of [...this.#ready.keys()].sort((a, b) => b - a)) {
      const list = this.#ready.get(capacity)!;
      while (this.#idleBytes > this.#idleLimit && list.length > 0) this.#destroy(list.pop()!);
    }
  }
  dispose(): void {
    for (const { gpu } of this.#all) gpu.destroy();
    this.#all.clear();
    this.#ready.clear();
    this.#pending.clear();
    this.#idleBytes = 0;
  }
  #destroy(buffer: PooledBuffer): void {
    buffer.gpu.destroy();
    this.#all.delete(buffer);
    this.#idleBytes -= buffer.capacity;
  }
}
