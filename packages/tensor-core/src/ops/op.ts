// What an op is: one record with shape rule, oracle, kernels and gradient; knows no particular op and no device.
import type { CpuCall } from "../backends/cpu/call.ts";
import type { WgslCall, WgslProgram } from "../backends/webgpu/program.ts";
import type { NumericArray, TensorSpec } from "../spec.ts";
import type { Tensor } from "../tensor.ts";

/** A tensor as plain loops see it. */
export interface ReferenceView extends TensorSpec {
  readonly data: NumericArray;
}

/** One call of an oracle: it must write every element of every output. */
export interface ReferenceCall<Attrs> {
  readonly inputs: readonly ReferenceView[];
  readonly outputs: readonly ReferenceView[];
  readonly attrs: Attrs;
}

/** What a gradient rule sees. `needs[i]` says whether the gradient of input i is wanted: return null for the others. */
export interface VjpCall<Attrs> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attrs: Attrs;
  readonly needs: readonly boolean[];
}

/** The gradient rule: gradients of the outputs (null where nothing flows) to gradients of the inputs. */
export type Vjp<Attrs> = (call: VjpCall<Attrs>, gradOutputs: readonly (Tensor | null)[]) => readonly (Tensor | null)[];

/** One op: everything the devices and the tape need to know of it. */
export interface OpDefinition<Attrs> {
  readonly name: string;
  /** The only shape check: throws ShapeError, returns the specs of the outputs. */
  infer(inputs: readonly TensorSpec[], attrs: Attrs): readonly TensorSpec[];
  /** The oracle, in the precision of the arrays it is given. */
  reference(call: ReferenceCall<Attrs>): void;
  /** WebAssembly kernels, where the oracle is too slow for the cpu device. */
  readonly cpu?: ((call: CpuCall<Attrs>) => void) | undefined;
  readonly wgsl: (call: WgslCall<Attrs>) => WgslProgram;
  /** `donates[o]` names the input whose memory output o takes over; that input is gone afterwards. */
  readonly donates?: readonly number[];
  /** Output 0 is input 0 under another shape: nothing runs. */
  readonly view?: true;
  readonly vjp: "nondifferentiable" | Vjp<Attrs>;
}

/** Fixes the attribute type of an op record. */
export function defineOp<Attrs>(definition: OpDefinition<Attrs>): OpDefinition<Attrs> {
  return definition;
}
