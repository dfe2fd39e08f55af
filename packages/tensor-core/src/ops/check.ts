// Shape checks that every op's rule is written with.
import { ShapeError } from "../errors.ts";
import { type FloatDtype, isFloat, isPacked, sameShape, type TensorSpec } from "../spec.ts";

/** Throws unless the op got `count` inputs. */
export function checkInputCount(op: string, inputs: readonly TensorSpec[], count: number): void {
  if (inputs.length !== count)
    throw new ShapeError({ op, label: "the number of inputs", expected: count, actual: inputs.length });
}

/** Throws unless the input has this shape; -1 accepts any extent. */
export function checkShape(op: string, label: string, input: TensorSpec, shape: readonly number[]): void {
  const fits =
    input.shape.length === shape.length && shape.every((extent, axis) => extent === -1 || extent === input.shape[axis]);
  if (!fits) {
    throw new ShapeError({
      op,
      label: `the shape of ${label}`,
      expected: shape.map((extent) => (extent === -1 ? "any" : extent)),
      actual: input.shape,
    });
  }
}

/** Throws unless the inputs are float tensors of one dtype; returns that dtype. */
export function checkFloats(op: string, inputs: readonly TensorSpec[]): FloatDtype {
  const { dtype } = inputs[0]!;
  for (const [index, input] of inputs.entries()) {
    if (!isFloat(input.dtype) || input.dtype !== dtype) {
      throw new ShapeError({
        op,
        label: `the dtype of input ${index}`,
        expected: isFloat(dtype) ? dtype : "a float",
        actual: input.dtype,
      });
    }
  }
  return dtype as FloatDtype;
}

/** Throws unless the weight is packed or has the dtype of what it is multiplied with. */
export function checkWeight(op: string, label: string, weight: TensorSpec, dtype: FloatDtype): void {
  if (weight.dtype === dtype || isPacked(weight.dtype)) return;
  throw new ShapeError({ op, label: `the dtype of ${label}`, expected: `${dtype} or packed`, actual: weight.dtype });
}

/** Throws unless the input is u32 with this shape; -1 accepts any extent. */
export function checkIndices(op: string, label: string, input: TensorSpec, shape: readonly number[]): void {
  if (input.dtype !== "u32")
    throw new ShapeError({ op, label: `the dtype of ${label}`, expected: "u32", actual: input.dtype });
  checkShape(op, label, input, shape);
}

/** Throws unless both inputs have one shape. */
export function checkSameShape(op: string, label: string, input: TensorSpec, like: TensorSpec): void {
  if (!sameShape(input.shape, like.shape)) {
    throw new ShapeError({ op, label: `the shape of ${label}`, expected: like.shape, actual: input.shape });
  }
}
