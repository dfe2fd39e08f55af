// Devices: opening one, making tensors, scopes that free them; knows no op.
import type { Backend, DeviceInfo, DeviceName } from "./backends/backend.ts";
import { createReferenceBackend } from "./backends/reference.ts";
import { DeviceError, ShapeError } from "./errors.ts";
import type { OpDefinition } from "./ops/op.ts";
import {
  type ArrayDtype,
  byteLengthOf,
  createArray,
  type Dtype,
  isPacked,
  type NumericArray,
  sizeOf,
  type TensorSpec,
} from "./spec.ts";
import {
  type BufferSource,
  type DeviceStats,
  handleOf,
  type MutableStats,
  operandOf,
  Storage,
  type Tensor,
  TensorHandle,
} from "./tensor.ts";
import { mapLeaves } from "./tree.ts";

/** A place tensors live and ops run. Disposing it frees everything made on it. */
export interface Device extends Disposable {
  readonly name: DeviceName;
  /** Why this device was chosen, in one sentence for people. */
  readonly why: string;
  readonly info: DeviceInfo;
  /** The dtype of parameters and activations here: f64 on reference, f32 elsewhere. */
  readonly floatDtype: "f64" | "f32";
  readonly stats: DeviceStats;
  /** Lets `stats.peakBytes` begin again at what is held now. */
  resetPeak(): void;
  /**
   * Copies values to the device. `dtype` defaults to u32 for Uint32Array and to `floatDtype` otherwise; a packed dtype
   * rounds a matrix to that format. One extent may be -1 and follows from the number of values. A function is called for
   * the values, and again whenever a recording runs that the tensor is part of (`Recordings`); such values have no packed
   * dtype.
   *
   * @throws DeviceError where this device has no such dtype
   */
  tensor(values: HostValues | (() => HostValues), shape: readonly number[], dtype?: Dtype): Tensor;
  /**
   * Runs work of the host that goes with ops, such as taking rows of a cache: at once, and again whenever a recording runs
   * that it is part of, before the ops of the recording.
   */
  host(work: () => void): void;
  /** Frees every tensor made inside `body` except those in the tree it returns and those given to `keep`. */
  scope<Out>(body: () => Out): Out;
  /** Takes a tensor out of every scope: from now on its holder disposes it. */
  keep<T extends Tensor>(tensor: T): T;
  dispose(): void;
}

/** What tensors are made of. */
export type HostValues = NumericArray | readonly number[];

/** Options of openDevice. */
export interface OpenDeviceOptions {
  /** A GPUDevice made by the caller; it is used as it is and not destroyed on dispose. */
  readonly gpuDevice?: GPUDevice;
  /** Worker threads of the cpu device, the calling thread included; defaults to the cores there are. */
  readonly threads?: number;
  /**
   * Bytes that the cpu device saves for gradients at a time of what they would else compute again to the same bits (logits
   * of linearCrossEntropy); defaults to a sixteenth of its largest memory, 256 MiB.
   */
  readonly savedBytes?: number;
  /** Kernel variant of the cpu device; defaults to the fastest that passes its self-test. */
  readonly variant?: string;
  /** Accepts WebGPU adapters that run on the CPU (lavapipe, SwiftShader) for "auto"; "webgpu" always does. */
  readonly allowSoftwareAdapter?: boolean;
}

/**
 * Opens a device. "auto" takes WebGPU on a real adapter, else cpu; `device.why` says which and why.
 * Throws DeviceError where a device named outright cannot be had.
 */
export async function openDevice(kind: "auto" | DeviceName = "auto", options: OpenDeviceOptions = {}): Promise<Device> {
  if (kind === "reference") return createDevice(createReferenceBackend(), "asked for by name");
  if (kind === "cpu") {
    const { createCpuBackend } = await import("./backends/cpu/backend.ts");
    return createDevice(await createCpuBackend(options), "asked for by name");
  }
  const { openWebGpuBackend } = await import("./backends/webgpu/backend.ts");
  if (kind === "webgpu") return createDevice(await openWebGpuBackend(options), "asked for by name");
  try {
    const backend = await openWebGpuBackend({ ...options, requireHardware: options.allowSoftwareAdapter !== true });
    return createDevice(backend, `WebGPU adapter: ${backend.info.description}`);
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    const { createCpuBackend } = await import("./backends/cpu/backend.ts");
    return createDevice(await createCpuBackend(options), `no WebGPU: ${error.message}`);
  }
}

/** Wraps a backend as a Device. */
export function createDevice(backend: Backend, why: string): Device {
  return new BackendDevice(backend, why);
}

/** What watches a device while work is recorded; it knows what to do with each part of the work. */
export interface Recorder {
  /** Memory of what ops make. */
  readonly source: BufferSource;
  /** Memory of what the host uploads: ops make nothing there, whose runs before and after would write over it. */
  readonly uploadSource: BufferSource;
  /** Runs a call. */
  call<Attrs>(
    op: OpDefinition<Attrs>,
    inputs: readonly TensorHandle[],
    outputs: readonly TensorHandle[],
    attrs: Attrs,
  ): void;
  /** Values of a tensor made by a function. */
  values(values: () => HostValues): HostValues;
  /** The tensor made of the last such values. */
  upload(handle: TensorHandle): void;
  host(work: () => void): void;
}

/** Hands outputs to ops: an unexported door between dispatch, recordings and the device. */
export interface DeviceInternals {
  readonly backend: Backend;
  /** Memory of the device itself. */
  readonly source: BufferSource;
  readonly stats: MutableStats;
  /** Lets the recorder watch while `body` runs; null for nobody. */
  watched<Out>(recorder: Recorder | null, body: () => Out): Out;
  readonly recorder: Recorder | null;
  create(spec: TensorSpec, storage?: Storage): TensorHandle;
  /** Runs an op on tensors of this device. */
  run<Attrs>(
    op: OpDefinition<Attrs>,
    inputs: readonly TensorHandle[],
    outputs: readonly TensorHandle[],
    attrs: Attrs,
  ): void;
  /** Puts a handle that no scope owns into the innermost open one. */
  adopt(handle: TensorHandle): void;
}

/** The internals of a device made by this package. */
export function internalsOf(device: Device): DeviceInternals {
  if (device instanceof BackendDevice) return device;
  throw new TypeError("Cannot dispatch: this Device was not made by tensor-core");
}

class BackendDevice implements Device, DeviceInternals {
  readonly backend: Backend;
  readonly why: string;
  readonly stats: MutableStats = { liveBuffers: 0, bytes: 0, peakBytes: 0, dispatches: 0, bytesRead: 0 };
  readonly source: BufferSource;
  recorder: Recorder | null = null;
  readonly #scopes: Set<TensorHandle>[] = [];
  #disposed = false;
  constructor(backend: Backend, why: string) {
    this.backend = backend;
    this.why = why;
    this.source = countedSource(backend, this.stats);
  }
  resetPeak(): void {
    this.stats.peakBytes = this.stats.bytes;
  }
  get name(): DeviceName {
    return this.backend.name;
  }
  get info(): DeviceInfo {
    return this.backend.info;
  }
  get floatDtype(): "f64" | "f32" {
    return this.backend.floatDtype;
  }
  create(spec: TensorSpec, storage?: Storage): TensorHandle {
    this.#checkLive();
    const memory = storage ?? new Storage(this.recorder?.source ?? this.source, byteLengthOf(spec));
    const handle = new TensorHandle(this, spec, memory, this.stats);
    this.adopt(handle);
    return handle;
  }
  run<Attrs>(
    op: OpDefinition<Attrs>,
    inputs: readonly TensorHandle[],
    outputs: readonly TensorHandle[],
    attrs: Attrs,
  ): void {
    if (this.recorder !== null) this.recorder.call(op, inputs, outputs, attrs);
    else this.backend.run(op, inputs.map(operandOf), outputs.map(operandOf), attrs);
    this.stats.dispatches++;
  }
  watched<Out>(recorder: Recorder | null, body: () => Out): Out {
    const before = this.recorder;
    this.recorder = recorder;
    try {
      return body();
    } finally {
      this.recorder = before;
    }
  }
  host(work: () => void): void {
    if (this.recorder === null) work();
    else this.recorder.host(work);
  }
  tensor(given: HostValues | (() => HostValues), extents: readonly number[], dtype?: Dtype): Tensor {
    if (typeof given !== "function") return this.#upload(given, extents, dtype);
    if (dtype !== undefined && isPacked(dtype)) {
      throw new DeviceError(
        this.name,
        `Cannot make a ${dtype} tensor of a function's values: packed weights do not change between runs; give the values`,
      );
    }
    if (this.recorder === null) return this.#upload(given(), extents, dtype);
    const handle = this.#upload(this.recorder.values(given), extents, dtype);
    this.recorder.upload(handle);
    return handle;
  }
  #upload(values: HostValues, extents: readonly number[], dtype?: Dtype): TensorHandle {
    const shape = completed(extents, values.length);
    const type = dtype ?? (values instanceof Uint32Array ? "u32" : this.floatDtype);
    if (type === "f64" && this.name !== "reference") {
      throw new DeviceError(
        this.name,
        `Cannot make an f64 tensor on ${this.name}: f64 exists on the reference device only`,
      );
    }
    if (values.length !== sizeOf(shape)) {
      throw new ShapeError({
        op: "tensor",
        label: "the number of values",
        expected: sizeOf(shape),
        actual: values.length,
      });
    }
    if (isPacked(type)) this.#checkPacked(type, shape);
    const spec = { shape, dtype: type };
    this.#checkLive();
    const handle = this.create(spec, new Storage(this.recorder?.uploadSource ?? this.source, byteLengthOf(spec)));
    const { buffer } = handle.storage;
    if (!isPacked(type)) this.backend.write(buffer, toArray(values, type));
    else {
      try {
        this.backend.writePacked!(buffer, type, toArray(values, "f32") as Float32Array, shape[0]!, shape[1]!);
      } catch (error) {
        handle.dispose();
        throw error;
      }
    }
    return handle;
  }
  #checkLive(): void {
    if (this.#disposed) throw new DeviceError(this.name, `Cannot use the ${this.name} device: it has been disposed`);
  }
  #checkPacked(dtype: Dtype, shape: readonly number[]): void {
    if (!this.info.features.includes("packed weights")) {
      throw new DeviceError(
        this.name,
        `Cannot make a ${dtype} tensor on ${this.name}: packed weights exist on cpu and reference only; use ${this.floatDtype}, or another device`,
      );
    }
    if (shape.length !== 2) {
      throw new ShapeError({ op: "tensor", label: `the rank of a ${dtype} tensor`, expected: 2, actual: shape.length });
    }
  }
  scope<Out>(body: () => Out): Out {
    const scope = new Set<TensorHandle>();
    this.#scopes.push(scope);
    let out: Out | undefined;
    try {
      out = body();
      if (out instanceof Promise) {
        throw new TypeError("Cannot scope an async function: ops run synchronously, so await outside of scope()");
      }
      return out;
    } finally {
      this.#scopes.pop();
      mapLeaves(out, (leaf) => {
        if (leaf instanceof TensorHandle && scope.delete(leaf)) this.adopt(leaf);
      });
      for (const handle of scope) {
        handle.scope = null;
        handle.dispose();
      }
    }
  }
  keep<T extends Tensor>(tensor: T): T {
    const handle = handleOf(tensor);
    handle.scope?.delete(handle);
    handle.scope = null;
    return tensor;
  }
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.backend.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
  adopt(handle: TensorHandle): void {
    const scope = this.#scopes.at(-1) ?? null;
    handle.scope = scope;
    scope?.add(handle);
  }
}

/** The memory of a backend, with its counts. */
function countedSource(backend: Backend, stats: MutableStats): BufferSource {
  return {
    backend,
    allocate(byteLength) {
      const buffer = backend.allocate(byteLength);
      stats.liveBuffers++;
      stats.bytes += byteLength;
      stats.peakBytes = Math.max(stats.peakBytes, stats.bytes);
      return buffer;
    },
    free(buffer, byteLength) {
      backend.free(buffer);
      stats.liveBuffers--;
      stats.bytes -= byteLength;
    },
  };
}

/** A shape whose extent of -1, where it has one, holds as many values as there are. */
function completed(extents: readonly number[], count: number): readonly number[] {
  const open = extents.indexOf(-1);
  if (open < 0) return [...extents];
  const others = sizeOf(extents.toSpliced(open, 1));
  return extents.with(open, others === 0 ? 0 : count / others);
}

/** Values as an array of a dtype; the array itself where it is one. */
export function toArray(values: HostValues, dtype: ArrayDtype): NumericArray {
  const wanted = createArray(dtype, 0).constructor;
  if (values.constructor === wanted) return values as NumericArray;
  const array = createArray(dtype, values.length);
  array.set(values);
  return array;
}
