// The webgpu device: pooled buffers, recorded dispatches, errors of the GPU as errors of the next call. Knows no op by name.
import type { OpenDeviceOptions } from "../../device.ts";
import { DeviceError } from "../../errors.ts";
import type { OpDefinition } from "../../ops/op.ts";
import { type ArrayDtype, createArray, type NumericArray } from "../../spec.ts";
import type { Backend, DeviceInfo, Operand } from "../backend.ts";
import { type OpenedGpu, openGpu } from "./adapter.ts";
import { BufferPool, type PooledBuffer } from "./buffer-pool.ts";
import { CommandRecorder } from "./command-recorder.ts";
import { PipelineCache } from "./pipeline-cache.ts";
import type { WgslBinding, WgslLimits, WgslPass } from "./program.ts";
import { StagingBuffers } from "./staging.ts";

/** Options of openWebGpuBackend. */
export interface WebGpuOptions extends OpenDeviceOptions {
  /** Refuses adapters that compute on the CPU. */
  readonly requireHardware?: boolean;
  /** Bytes one binding may span, below the device's own limit: for tests of tensors that exceed it. */
  readonly maxBindingSize?: number;
  /** Bytes of freed buffers kept for reuse; defaults to 1 GiB. */
  readonly idleBytes?: number;
}

/** The webgpu backend; `bufferCount` counts the GPU buffers it holds, idle ones included. */
export interface WebGpuBackend extends Backend<PooledBuffer> {
  readonly bufferCount: number;
}

const largestWrite = 64 << 20;

/** Opens the webgpu device. Throws DeviceError where there is no package, no adapter, or no hardware although required. */
export async function openWebGpuBackend(options: WebGpuOptions): Promise<WebGpuBackend> {
  const opened = await openGpu(options.gpuDevice, options.requireHardware === true);
  return new GpuBackend(opened, options);
}

class GpuBackend implements WebGpuBackend {
  readonly name = "webgpu";
  readonly floatDtype = "f32";
  readonly info: DeviceInfo;
  readonly #opened: OpenedGpu;
  readonly #features: { readonly subgroups: boolean; readonly f16: boolean };
  readonly #limits: WgslLimits;
  readonly #pool: BufferPool;
  readonly #staging: StagingBuffers;
  readonly #pipelines: PipelineCache;
  readonly #recording: CommandRecorder;
  #failure: DeviceError | null = null;
  #disposed = false;
  constructor(opened: OpenedGpu, options: WebGpuOptions) {
    const { device } = opened;
    this.#opened = opened;
    this.#features = { subgroups: device.features.has("subgroups"), f16: device.features.has("shader-f16") };
    this.#limits = {
      maxBindingSize: Math.min(
        device.limits.maxStorageBufferBindingSize,
        options.maxBindingSize ?? Number.POSITIVE_INFINITY,
      ),
      maxWorkgroups: device.limits.maxComputeWorkgroupsPerDimension,
      offsetAlignment: device.limits.minStorageBufferOffsetAlignment,
    };
    this.info = {
      description: opened.description,
      variant: "workgroup",
      passedOver: [],
      threads: 1,
      features: [...device.features].sort(),
      limits: {
        maxStorageBufferBindingSize: this.#limits.maxBindingSize,
        maxBufferSize: device.limits.maxBufferSize,
        maxComputeWorkgroupsPerDimension: this.#limits.maxWorkgroups,
        maxComputeWorkgroupStorageSize: device.limits.maxComputeWorkgroupStorageSize,
        maxComputeInvocationsPerWorkgroup: device.limits.maxComputeInvocationsPerWorkgroup,
        maxStorageBuffersPerShaderStage: device.limits.maxStorageBuffersPerShaderStage,
        minStorageBufferOffsetAlignment: this.#limits.offsetAlignment,
      },
    };
    this.#pool = new BufferPool(device, options.idleBytes ?? 1 << 30);
    this.#staging = new StagingBuffers(device);
    this.#pipelines = new PipelineCache(device);
    this.#recording = new CommandRecorder(device, () => this.#pool.settle());
    device.addEventListener("uncapturederror", this.#onError);
    device.lost.then(({ reason, message }) => {
      if (this.#disposed) return;
      this.#failure = new DeviceError(
        "webgpu",
        `Cannot go on with the webgpu device: it was lost (${reason}: ${message}); open a new one`,
      );
    });
  }
  get bufferCount(): number {
    return this.#disposed ? 0 : this.#pool.bufferCount + this.#staging.bufferCount + 1;
  }
  allocate(byteLength: number): PooledBuffer {
    this.#check();
    return this.#pool.take(byteLength);
  }
  free(buffer: PooledBuffer): void {
    if (!this.#disposed) this.#pool.give(buffer, this.#recording.serial);
  }
  write(buffer: PooledBuffer, values: NumericArray): void {
    this.#check();
    // The queue writes at once, ahead of what is still being recorded.
    if (buffer.lastUse === this.#recording.serial) this.#recording.submit();
    for (let at = 0; at < values.byteLength; at += largestWrite) {
      const size = Math.min(largestWrite, values.byteLength - at);
      this.#opened.device.queue.writeBuffer(buffer.gpu, at, values.buffer, values.byteOffset + at, size);
    }
  }
  async read(buffer: PooledBuffer, dtype: ArrayDtype, length: number): Promise<NumericArray> {
    this.#check();
    const values = createArray(dtype, length);
    const { byteLength } = values;
    const staging = this.#staging.take(Math.max(4, byteLength));
    this.#recording.copy(buffer.gpu, staging, Math.max(4, byteLength));
    this.#recording.submit();
    try {
      await this.#staging.receive(staging, new Uint8Array(values.buffer));
    } catch (cause) {
      this.#check();
      throw new DeviceError(
        "webgpu",
        "Cannot read a tensor from webgpu: its device was disposed or failed; read before disposing it",
        { cause },
      );
    }
    this.#check();
    return values;
  }
  run<Attrs>(
    op: OpDefinition<Attrs>,
    inputs: readonly Operand<PooledBuffer>[],
    outputs: readonly Operand<PooledBuffer>[],
    attrs: Attrs,
  ): void {
    this.#check();
    const program = op.wgsl({ inputs, outputs, attrs, features: this.#features, limits: this.#limits });
    const passes = program.passes.filter(({ workgroups }) => workgroups.every((count) => count > 0));
    const scratch: PooledBuffer[] = [];
    const bufferOf = ({ from, index }: WgslBinding) =>
      from === "scratch" ? scratch[index]! : (from === "input" ? inputs : outputs)[index]!.buffer;
    try {
      for (const byteLength of program.scratch ?? []) scratch.push(this.#pool.take(byteLength));
      // Everything is checked before anything is recorded: an op runs whole or not at all.
      for (const pass of passes) this.#checkPass(op.name, pass, bufferOf);
      for (const pass of passes) this.#dispatch(pass, bufferOf);
    } finally {
      for (const buffer of scratch) this.free(buffer);
    }
  }
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#opened.device.removeEventListener("uncapturederror", this.#onError);
    this.#recording.dispose();
    this.#staging.dispose();
    this.#pool.dispose();
    this.#opened.close();
  }
  #dispatch(pass: WgslPass, bufferOf: (binding: WgslBinding) => PooledBuffer): void {
    this.#recording.reserve();
    const pipeline = this.#pipelines.get(pass.code, pass.label);
    const entries = pass.bindings.map((binding) => {
      const buffer = bufferOf(binding);
      buffer.lastUse = this.#recording.serial;
      return { buffer: buffer.gpu, offset: binding.offset ?? 0, size: spanOf(binding, buffer) };
    });
    this.#recording.dispatch(pipeline, entries, pass);
  }
  #checkPass(op: string, pass: WgslPass, bufferOf: (binding: WgslBinding) => PooledBuffer): void {
    const { maxBindingSize, maxWorkgroups } = this.#limits;
    for (const binding of pass.bindings) {
      const span = spanOf(binding, bufferOf(binding));
      if (span <= maxBindingSize) continue;
      throw new DeviceError(
        "webgpu",
        `Cannot apply ${op}: ${binding.from} ${binding.index} spans ${span} bytes but one binding at most ${maxBindingSize} (maxStorageBufferBindingSize); use a smaller batch, a device with a larger limit, or the cpu device`,
      );
    }
    const widest = Math.max(...pass.workgroups);
    if (widest > maxWorkgroups) {
      throw new DeviceError(
        "webgpu",
        `Cannot apply ${op}: its grid needs ${widest} workgroups along one axis but the device allows ${maxWorkgroups} (maxComputeWorkgroupsPerDimension); use a smaller batch, or the cpu device`,
      );
    }
    const { writes } = this.#pipelines.get(pass.code, pass.label);
    if (writes.length !== pass.bindings.length) {
      throw new Error(`${pass.label}: ${pass.bindings.length} bindings given but the shader declares ${writes.length}`);
    }
    for (const [index, binding] of pass.bindings.entries()) {
      const buffer = bufferOf(binding);
      if (writes[index] && pass.bindings.some((other, at) => at !== index && bufferOf(other) === buffer)) {
        throw new Error(`${pass.label}: ${binding.from} ${binding.index} is written and bound twice`);
      }
    }
  }
  #check(): void {
    if (this.#disposed)
      throw new DeviceError("webgpu", "Cannot use the webgpu device: it has been disposed; open a new one");
    if (this.#failure !== null) throw this.#failure;
  }
  readonly #onError = (event: Event): void => {
    const { error } = event as GPUUncapturedErrorEvent;
    // The next call reports it: nothing is to be printed.
    event.preventDefault();
    this.#failure ??= new DeviceError(
      "webgpu",
      `Cannot go on with the webgpu device: it reported ${error.constructor.name}: ${firstLine(error.message)}; open a new one`,
      { cause: error },
    );
  };
}

function spanOf(binding: WgslBinding, buffer: PooledBuffer): number {
  return binding.size ?? buffer.byteLength - (binding.offset ?? 0);
}

function firstLine(message: string): string {
  return message.split("\n", 1)[0]!;
}
