// Generators of op inputs: prime extents, so that swapped axes cannot pass, and values of ordinary size.
import fc from "fast-check";
import type { OpInput } from "./op-laws.ts";

/** Small distinct-looking extents: 1 and primes. */
export function extent(most: number = 13): fc.Arbitrary<number> {
  return fc.constantFrom(...[1, 2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41].filter((prime) => prime <= most));
}

/** A float input of this shape with values in [−bound, bound], away from any seam by rounding to 1/64. */
export function floats(shape: readonly number[], bound: number = 2): fc.Arbitrary<OpInput> {
  const size = shape.reduce((product, length) => product * length, 1);
  return fc
    .array(fc.integer({ min: -64 * bound, max: 64 * bound }), { minLength: size, maxLength: size, size: "max" })
    .map((values) => ({ shape, values: values.map((value) => value / 64) }));
}

/** A float input with values in (0, bound]. */
export function positives(shape: readonly number[], bound: number = 2): fc.Arbitrary<OpInput> {
  return floats(shape, bound).map((input) => ({
    shape,
    values: input.values.map((value) => Math.abs(value) + 1 / 64),
  }));
}

/** A u32 input with values below `bound`. */
export function indices(shape: readonly number[], bound: number): fc.Arbitrary<OpInput> {
  const size = shape.reduce((product, length) => product * length, 1);
  return fc
    .array(fc.nat({ max: bound - 1 }), { minLength: size, maxLength: size, size: "max" })
    .map((values) => ({ shape, values, dtype: "u32" as const }));
}
