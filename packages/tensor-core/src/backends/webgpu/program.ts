// What an op says to the WebGPU device: passes of WGSL with their bindings; knows no GPU object.
import type { TensorSpec } from "../../spec.ts";

/** Which buffer a binding takes: an input, an output, or a scratch buffer of the program; optionally a byte range of it. */
export interface WgslBinding {
  readonly from: "input" | "output" | "scratch";
  readonly index: number;
  /** Bytes, a multiple of `limits.offsetAlignment`. */
  readonly offset?: number;
  readonly size?: number;
}

/**
 * One compute pass: bindings 0..n-1 in order, then the uniform block at binding n where `uniforms` is not empty.
 * Whether a binding is read or written is what its declaration in `code` says; nothing written may be bound twice.
 */
export interface WgslPass {
  readonly label: string;
  /** The whole shader; shapes belong in `uniforms`, so that few pipelines serve many shapes. */
  readonly code: string;
  readonly bindings: readonly WgslBinding[];
  /** 32-bit fields of the uniform block, in order; at most 64. */
  readonly uniforms: readonly ({ readonly u32: number } | { readonly f32: number })[];
  readonly workgroups: readonly [number, number, number];
}

/** All passes of one op, and the bytes of each scratch buffer it needs. */
export interface WgslProgram {
  readonly passes: readonly WgslPass[];
  readonly scratch?: readonly number[];
}

/** Limits of the device that shape a program. */
export interface WgslLimits {
  /** Bytes one binding may span. */
  readonly maxBindingSize: number;
  /** Workgroups along one axis of a dispatch. */
  readonly maxWorkgroups: number;
  /** Offsets of bindings are multiples of this many bytes. */
  readonly offsetAlignment: number;
}

/** What the op may know when it writes its program. */
export interface WgslCall<Attrs> {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly attrs: Attrs;
  readonly features: { readonly subgroups: boolean; readonly f16: boolean };
  readonly limits: WgslLimits;
}

/** Input `index` as a binding, whole or from byte `offset`. */
export function input(index: number, offset?: number, size?: number): WgslBinding {
  return binding("input", index, offset, size);
}

/** Output `index` as a binding, whole or from byte `offset`. */
export function output(index: number, offset?: number, size?: number): WgslBinding {
  return binding("output", index, offset, size);
}

/** Scratch buffer `index` as a binding, whole or from byte `offset`. */
export function scratch(index: number, offset?: number, size?: number): WgslBinding {
  return binding("scratch", index, offset, size);
}

/** Bytes [offset, offset + size) counted from where `whole` begins. */
export function rangeOf(whole: WgslBinding, offset: number, size: number): WgslBinding {
  return { from: whole.from, index: whole.index, offset: (whole.offset ?? 0) + offset, size };
}

function binding(
  from: WgslBinding["from"],
  index: number,
  offset: number | undefined,
  size: number | undefined,
): WgslBinding {
  return { from, index, ...(offset === undefined ? {} : { offset }), ...(size === undefined ? {} : { size }) };
}
