// bfloat16: the upper half of a float32, rounded to nearest even; NaN stays NaN. Knows no kernel.
import type { PackedFormat } from "../format.ts";
import { halfFormat } from "../halves/halves.ts";

/** The format of 16-bit weights with the range of float32. */
export const bf16: PackedFormat = halfFormat({
  narrow: (bits) =>
    (bits & 0x7fffffff) > 0x7f800000 ? (bits >>> 16) | 0x40 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16,
  widen: (half) => half << 16,
});
