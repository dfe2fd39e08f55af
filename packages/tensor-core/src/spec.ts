// Shapes and element types of tensors, and broadcasting; knows no device and no memory.
import { ShapeError } from "./errors.ts";
import { type PackedDtype, packedFormats, packedWords } from "./formats/packing.ts";

/** Element type of numbers that are computed with; `f64` exists on the reference device only. */
export type FloatDtype = "f64" | "f32";

/**
 * Element type of a tensor: `u32` holds token ids, rows and ranges; the packed types hold frozen weight matrices, which
 * products read and nothing writes.
 */
export type Dtype = FloatDtype | "u32" | PackedDtype;

/** The arrays tensors are made from and read into. */
export type NumericArray = Float64Array | Float32Array | Uint32Array;

/** Shape and element type; `shape` is row-major, `[]` is a scalar. */
export interface TensorSpec {
  readonly shape: readonly number[];
  readonly dtype: Dtype;
}

/** Element types with an array of their own. */
export type ArrayDtype = Exclude<Dtype, PackedDtype>;

const dtypeBytes: Readonly<Record<ArrayDtype, number>> = { f64: 8, f32: 4, u32: 4 };

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** Bytes a tensor of this spec occupies. */
export function byteLengthOf(spec: TensorSpec): number {
  const { shape, dtype } = spec;
  return isPacked(dtype) ? 4 * packedWords(dtype, shape[0]!, shape[1]!) : sizeOf(shape) * dtypeBytes[dtype];
}

/** True for dtypes that carry gradients. */
export function isFloat(dtype: Dtype): dtype is FloatDtype {
  return dtype === "f64" || dtype === "f32";
}

/** True for the formats of frozen weights. */
export function isPacked(dtype: Dtype): dtype is PackedDtype {
  return dtype in packedFormats;
}

/** True where both shapes have the same extents. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** A new array of `dtype` with `length` zeros. */
export function createArray(dtype: ArrayDtype, length: number): NumericArray {
  if (dtype === "f64") return new Float64Array(length);
  return dtype === "f32" ? new Float32Array(length) : new Uint32Array(length);
}

/** The shape two shapes broadcast to (NumPy's rule); throws ShapeError where an axis differs and neither is 1. */
export function broadcastShapes(op: string, a: readonly number[], b: readonly number[]): readonly number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw new ShapeError({ op, label: `axis ${axis} of the broadcast operands`, expected: a, actual: b });
    }
    return left === 1 ? right : left;
  });
}

/** Element strides with which `shape` is read as `target`: 0 along broadcast axes. */
export function broadcastStrides(shape: readonly number[], target: readonly number[]): number[] {
  const strides = new Array<number>(target.length).fill(0);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis + target.length - shape.length] = shape[axis] === 1 ? 0 : stride;
    stride *= shape[axis]!;
  }
  return strides;
}
