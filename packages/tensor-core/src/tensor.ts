// The tensor handle: spec, device and shared storage. Immutable; knows no op.
import type { Backend, Operand } from "./backends/backend.ts";
import type { Device } from "./device.ts";
import { DeviceError } from "./errors.ts";
import { unpackMatrix } from "./formats/packing.ts";
import { byteLengthOf, isPacked, type NumericArray, sizeOf, type TensorSpec } from "./spec.ts";

/** An immutable array on a device. Only an op that declares `donates` may reuse its memory, and then the tensor is gone. */
export interface Tensor extends TensorSpec, Disposable {
  readonly device: Device;
  /** Copies the values to the host, row-major; of a packed tensor the numbers it stands for. */
  read(): Promise<NumericArray>;
  /** Frees the memory once no other handle shares it; harmless when repeated. */
  dispose(): void;
}

/** Counts of a device, for leak checks and benchmarks. */
export interface DeviceStats {
  readonly liveBuffers: number;
  readonly bytes: number;
  /** The most bytes since the device was opened or its peak was reset. */
  readonly peakBytes: number;
  readonly dispatches: number;
  readonly bytesRead: number;
}

export type MutableStats = { -readonly [Key in keyof DeviceStats]: DeviceStats[Key] };

/** Where storage gets its memory from: a device, or what a recording keeps of it. */
export interface BufferSource {
  readonly backend: Backend;
  allocate(byteLength: number): unknown;
  free(buffer: unknown, byteLength: number): void;
}

/** Memory of a backend, shared by handles and freed with the last of them. */
export class Storage {
  readonly backend: Backend;
  readonly buffer: unknown;
  readonly byteLength: number;
  readonly source: BufferSource;
  #holders = 1;
  constructor(source: BufferSource, byteLength: number) {
    this.backend = source.backend;
    this.source = source;
    this.byteLength = byteLength;
    this.buffer = source.allocate(byteLength);
  }
  /** Handles that share it; none of freed memory. */
  get holders(): number {
    return this.#holders;
  }
  retain(): this {
    this.#holders++;
    return this;
  }
  release(): void {
    if (--this.#holders === 0) this.source.free(this.buffer, this.byteLength);
  }
}

let nextValueId = 1;

/** The one implementation of Tensor. Handles with one `valueId` are the same value to the tape. */
export class TensorHandle implements Tensor {
  readonly device: Device;
  readonly shape: readonly number[];
  readonly dtype: TensorSpec["dtype"];
  readonly valueId: number;
  /** The scope that frees this handle; null where nobody but its holder does. */
  scope: Set<TensorHandle> | null = null;
  readonly #stats: MutableStats;
  #storage: Storage | null;
  constructor(
    device: Device,
    spec: TensorSpec,
    storage: Storage,
    stats: MutableStats,
    valueId: number = nextValueId++,
  ) {
    this.device = device;
    this.shape = spec.shape;
    this.dtype = spec.dtype;
    this.#storage = storage;
    this.#stats = stats;
    this.valueId = valueId;
  }
  get disposed(): boolean {
    return this.#storage === null;
  }
  get storage(): Storage {
    if (this.#storage === null) {
      throw new DeviceError(
        this.device.name,
        `Cannot use tensor [${this.shape.join(", ")}]: it has been disposed; keep it out of the scope that freed it, or return it from that scope`,
      );
    }
    return this.#storage;
  }
  /** Another handle on the same value and memory, outside every scope. */
  share(): TensorHandle {
    return new TensorHandle(this.device, this, this.storage.retain(), this.#stats, this.valueId);
  }
  async read(): Promise<NumericArray> {
    const { backend, buffer } = this.storage;
    const { dtype, shape } = this;
    this.#stats.bytesRead += byteLengthOf(this);
    if (!isPacked(dtype)) return backend.read(buffer, dtype, sizeOf(shape));
    const words = await backend.read(buffer, "u32", byteLengthOf(this) / 4);
    return unpackMatrix(dtype, words as Uint32Array, shape[0]!, shape[1]!);
  }
  dispose(): void {
    this.scope?.delete(this);
    this.scope = null;
    this.#storage?.release();
    this.#storage = null;
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The handle behind a tensor; throws for objects that are not of this package. */
export function handleOf(tensor: Tensor): TensorHandle {
  if (tensor instanceof TensorHandle) return tensor;
  throw new TypeError("Cannot use this value as a tensor: it was not made by a Device of tensor-core");
}

/** A handle as a backend sees it. */
export function operandOf(handle: TensorHandle): Operand<unknown> {
  return { shape: handle.shape, dtype: handle.dtype, buffer: handle.storage.buffer };
}
