// The seam between tensors and devices: buffers in, buffers out, one op at a time; knows no op by name.

import type { PackedDtype } from "../formats/format.ts";
import type { OpDefinition } from "../ops/op.ts";
import type { ArrayDtype, NumericArray, TensorSpec } from "../spec.ts";

/** Names of the three devices. */
export type DeviceName = "reference" | "cpu" | "webgpu";

/** Facts of a device, for people: what it is, its features, limits and kernel variant. */
export interface DeviceInfo {
  readonly description: string;
  /** Names the kernels that decide bits: results are promised equal per (device, variant). */
  readonly variant: string;
  /** Faster variants that were not taken, each with why: not supported, a failed self-test, or no faster here. */
  readonly passedOver: readonly string[];
  readonly threads: number;
  /** Among others "packed weights" where packed dtypes exist. */
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

/** A tensor as a backend sees it. */
export interface Operand<Buffer> extends TensorSpec {
  readonly buffer: Buffer;
}

/** What a device implements; `run` picks the op's own kernel for this kind of device. */
export interface Backend<Buffer = unknown> {
  readonly name: DeviceName;
  readonly info: DeviceInfo;
  readonly floatDtype: "f64" | "f32";
  /** Throws DeviceError where the memory cannot be had. */
  allocate(byteLength: number): Buffer;
  free(buffer: Buffer): void;
  write(buffer: Buffer, values: NumericArray): void;
  /** Packs a row-major matrix into `buffer`, to the bits of the format's own `pack`; only where packed dtypes exist. */
  writePacked?(buffer: Buffer, dtype: PackedDtype, values: Float32Array, rows: number, columns: number): void;
  read(buffer: Buffer, dtype: ArrayDtype, length: number): Promise<NumericArray>;
  run<Attrs>(
    op: OpDefinition<Attrs>,
    inputs: readonly Operand<Buffer>[],
    outputs: readonly Operand<Buffer>[],
    attrs: Attrs,
  ): void;
  /**
   * As `run`, and returns what does the same again with the same buffers, whatever they hold by then: all that depends on
   * shapes and attributes is decided once. Where it is left out, `run` is called again.
   */
  record?<Attrs>(
    op: OpDefinition<Attrs>,
    inputs: readonly Operand<Buffer>[],
    outputs: readonly Operand<Buffer>[],
    attrs: Attrs,
  ): () => void;
  dispose(): void;
}
