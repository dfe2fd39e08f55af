// IEEE binary16, rounded to nearest even; finite numbers only, since the kernel's widening has no infinity. Knows no kernel.
import { type PackedFormat, refusal } from "../format.ts";
import { halfFormat } from "../halves/halves.ts";

/** The number that a half stands for, as bits of float32; finite halves only. */
export function widenHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  const lead = Math.clz32(fraction) - 21;
  return sign | ((113 - lead) << 23) | (((fraction << lead) & 0x3ff) << 13);
}

/** The format of 16-bit weights with three more bits of precision than bf16, up to 65504. */
export const f16: PackedFormat = halfFormat({
  narrow(bits) {
    const sign = (bits >>> 16) & 0x8000;
    const magnitude = bits & 0x7fffffff;
    if (magnitude >= 0x477ff000) {
      throw refusal("f16");
    }
    // Taking the exponent's bias from 127 to 15 is a subtraction of 0x38000000; the sum rounds half to even.
    if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
    if (magnitude <= 0x33000000) return sign;
    // Subnormal: a count of steps of 2^-24.
    const shift = 126 - (magnitude >>> 23);
    const fraction = (magnitude & 0x7fffff) | 0x800000;
    const half = fraction >>> shift;
    const rest = fraction & ((1 << shift) - 1);
    const middle = 1 << (shift - 1);
    return sign | (rest > middle || (rest === middle && half % 2 === 1) ? half + 1 : half);
  },
  widen: widenHalf,
});
