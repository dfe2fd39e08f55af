// Devices: opening one, making tensors, scopes that free them; knows no op.
import type { Backend, DeviceInfo, DeviceName } from "./backends/backend.ts";
import { createReferenceBackend } from "./backends/reference.ts";
import { DeviceError, ShapeError } from "./errors.ts";
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
import { type DeviceStats, handleOf, type MutableStats, Storage, type Tensor, TensorHandle } from "./tensor.ts";
import { leavesOf } from "./tree.ts";

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
   * rounds a matrix to that format.
   *
   * @throws DeviceError where this device has no such dtype
   */
  tensor(values: NumericArray | readonly number[], shape: readonly number[], dtype?: Dtype): Tensor;
  /** Frees every tensor made inside `body` except those in the tree it returns and those given to `keep`. */
  scope<Out>(body: () => Out): Out;
  /** Takes a tensor out of every scope: from now on its holder disposes it. */
  keep<T extends Tensor>(tensor: T): T;
  dispose(): void;
}

/** Options of openDevice. */
export interface OpenDeviceOptions {
  /** A GPUDevice made by the caller; it is used as it is and not destroyed on dispose. */
  readonly gpuDevice?: GPUDevice;
  /** Worker threads of the cpu device, the calling thread included; defaults to the cores there are. */
  readonly threads?: number;
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

/** Hands outputs to ops: an unexported door between dispatch and the device. */
export interface DeviceInternals {
  readonly backend: Backend;
  create(spec: TensorSpec, storage?: Storage): TensorHandle;
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
  readonly #scopes: Set<TensorHandle>[] = [];
  #disposed = false;
  constructor(backend: Backend, why: string) {
    this.backend = backend;
    this.why = why;
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
    if (this.#disposed) throw new DeviceError(this.name, `Cannot use the ${this.name} device: it has been disposed`);
    const memory = storage ?? new Storage(this.backend, byteLengthOf(spec), this.stats);
    const handle = new TensorHandle(this, spec, memory, this.stats);
    this.adopt(handle);
    return handle;
  }
  tensor(values: NumericArray | readonly number[], shape: readonly number[], dtype?: Dtype): Tensor {
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
    const handle = this.create({ shape: [...shape], dtype: type });
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
      for (const { leaf } of leavesOf<unknown>(out)) {
        if (leaf instanceof TensorHandle && scope.delete(leaf)) this.adopt(leaf);
      }
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

function toArray(values: NumericArray | readonly number[], dtype: ArrayDtype): NumericArray {
  const wanted = createArray(dtype, 0).constructor;
  if (values.constructor === wanted) return values as NumericArray;
  const array = createArray(dtype, values.length);
  array.set(values);
  return array;
}
