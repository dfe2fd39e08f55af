// How a model's matrices are held on a device. Knows no model.
import { type Device, type Dtype, isPacked, type PackedDtype } from "@dual-head/tensor-core";

/** How weight matrices are held: in the device's float dtype (`f32`, on reference f64), or packed. */
export type WeightDtype = "f32" | PackedDtype;

/** Every way to hold weights, the widest first. */
export const weightDtypes: readonly WeightDtype[] = ["f32", "bf16", "f16", "q8", "q4"];

/** The dtype a tensor of this shape gets on a device: only matrices are packed, norms and biases stay floats. */
export function matrixDtype(device: Device, dtype: WeightDtype, shape: readonly number[]): Dtype {
  return shape.length < 2 || !isPacked(dtype as Dtype) ? device.floatDtype : (dtype as Dtype);
}
