// Sixteen-bit floats as bit patterns: IEEE binary16 and bfloat16, to and from binary32, exact or correctly rounded.
// Works on typed arrays of the machine's own (little-endian) order and knows nothing of files or tensors.

// All of binary16 as bits of binary32: 256 KiB, made when first asked for.
let widened: Uint32Array | null = null;

function wideTable(): Uint32Array {
  if (widened !== null) return widened;
  const table = new Uint32Array(65536);
  for (let half = 0; half < 65536; half++) {
    const sign = (half & 0x8000) << 16;
    const exponent = (half >>> 10) & 0x1f;
    let fraction = half & 0x3ff;
    if (exponent === 0x1f) table[half] = sign | 0x7f800000 | (fraction << 13);
    else if (exponent > 0) table[half] = sign | ((exponent + 112) << 23) | (fraction << 13);
    else if (fraction === 0) table[half] = sign;
    else {
      // Subnormal: shift until the leading one is implicit; 113 is the biased exponent of 2^-14.
      let biased = 113;
      while ((fraction & 0x400) === 0) {
        fraction <<= 1;
        biased--;
      }
      table[half] = sign | (biased << 23) | ((fraction & 0x3ff) << 13);
    }
  }
  widened = table;
  return table;
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/**
 * Widens binary16 bit patterns to f32; exact for every pattern, NaN payloads included.
 *
 * @param halves bit patterns
 * @param into where the values go, as many as there are patterns; new memory by default
 */
export function f16ToF32(
  halves: Uint16Array,
  into: Float32Array<ArrayBuffer> = new Float32Array(halves.length),
): Float32Array<ArrayBuffer> {
  const table = wideTable();
  const bits = bitsOf(into);
  for (let index = 0; index < halves.length; index++) bits[index] = table[halves[index]!]!;
  return into;
}

/**
 * Narrows f32 to binary16 bit patterns, rounding to nearest, ties to even; past 65519 the result is infinite.
 *
 * @param values f32 values; NaN stays NaN
 */
export function f32ToF16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = bitsOf(values);
  const halves = new Uint16Array(values.length);
  for (let index = 0; index < bits.length; index++) {
    const word = bits[index]!;
    const magnitude = word & 0x7fffffff;
    let half: number;
    if (magnitude >= 0x7f800000) {
      const payload = (magnitude >>> 13) & 0x3ff;
      half = magnitude === 0x7f800000 ? 0x7c00 : 0x7c00 | (payload === 0 ? 0x200 : payload);
    } else if (magnitude >= 0x477ff000) {
      half = 0x7c00;
    } else if (magnitude >= 0x38800000) {
      // 0x38000000 takes the exponent's bias from 127 to 15; the sum rounds half to even.
      half = (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
    } else if (magnitude > 0x33000000) {
      // Subnormal: count steps of 2^-24.
      const shift = 126 - (magnitude >>> 23);
      const fraction = (magnitude & 0x7fffff) | 0x800000;
      const rest = fraction & ((1 << shift) - 1);
      const middle = 1 << (shift - 1);
      half = fraction >>> shift;
      if (rest > middle || (rest === middle && (half & 1) === 1)) half++;
    } else {
      half = 0;
    }
    halves[index] = ((word >>> 16) & 0x8000) | half;
  }
  return halves;
}

/**
 * Widens bfloat16 bit patterns to f32; exact for every pattern, NaN payloads included.
 *
 * @param halves bit patterns
 * @param into where the values go, as many as there are patterns; new memory by default
 */
export function bf16ToF32(
  halves: Uint16Array,
  into: Float32Array<ArrayBuffer> = new Float32Array(halves.length),
): Float32Array<ArrayBuffer> {
  const bits = bitsOf(into);
  for (let index = 0; index < halves.length; index++) bits[index] = halves[index]! << 16;
  return into;
}

/**
 * Narrows f32 to bfloat16 bit patterns, rounding to nearest, ties to even.
 *
 * @param values f32 values; NaN stays NaN
 */
export function f32ToBf16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = bitsOf(values);
  const halves = new Uint16Array(values.length);
  for (let index = 0; index < bits.length; index++) {
    const word = bits[index]!;
    const high = word >>> 16;
    if ((word & 0x7fffffff) > 0x7f800000) halves[index] = (high & 0x7f) === 0 ? high | 0x40 : high;
    else halves[index] = (word + 0x7fff + (high & 1)) >>> 16;
  }
  return halves;
}
