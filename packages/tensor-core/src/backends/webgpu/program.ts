// What an op says to the WebGPU device: passes of WGSL with their bindings; knows no GPU object.
import type { TensorSpec } from "../../spec.ts";

/** Which buffer a binding takes: an input, an output, or a scratch buffer of the program; optionally a byte range of it. */
export interface WgslBinding {
  readonly from: "input" | "output" | "scratch";
  readonly index: number;
  readonly offset?: number;
  readonly size?: number;
}

/** One compute pass: bindings 0..n-1 in order, then the uniform block at binding n where `uniforms` is not empty. */
export interface WgslPass {
  readonly label: string;
  /** The whole shader; shapes belong in `uniforms`, so that few pipelines serve many shapes. */
  readonly code: string;
  readonly bindings: readonly WgslBinding[];
  /** 32-bit fields of the uniform block, in order. */
  readonly uniforms: readonly ({ readonly u32: number } | { readonly f32: number })[];
  readonly workgroups: readonly [number, number, number];
}

/** All passes of one op, and the bytes of each scratch buffer it needs. */
export interface WgslProgram {
  readonly passes: readonly WgslPass[];
  readonly scratch?: readonly number[];
}

/** What the op may know when it writes its program. */
export interface WgslCall<Attrs> {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly attrs: Attrs;
  readonly features: { readonly subgroups: boolean; readonly f16: boolean };
  readonly limits: { readonly maxBindingSize: number; readonly maxWorkgroups: number };
}
