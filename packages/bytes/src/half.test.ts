// Laws of the sixteen-bit conversions, over every bit pattern and against a scalar reference by search.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "./index.ts";

const everyPattern = Uint16Array.from({ length: 65536 }, (_, index) => index);

/** The value of a binary16 pattern by the definition of the format. */
function valueOfHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The nearest of the finite magnitudes `codes` counts up to `limit`, ties to the even code; infinite past the last. */
function nearestCode(value: number, magnitudeOf: (code: number) => number, limit: number): number {
  const magnitude = Math.abs(value);
  let low = 0;
  let high = limit;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (magnitudeOf(middle) <= magnitude) low = middle;
    else high = middle - 1;
  }
  const below = magnitude - magnitudeOf(low);
  // Past the largest finite value the next step counts as if the format went on.
  const above = (low === limit ? 2 * magnitudeOf(limit) - magnitudeOf(limit - 1) : magnitudeOf(low + 1)) - magnitude;
  const code = below < above || (below === above && low % 2 === 0) ? low : low + 1;
  return code | (value < 0 || Object.is(value, -0) ? 0x8000 : 0);
}

const f32 = fc.oneof(
  fc.float({ noNaN: true }),
  fc.float({ noNaN: true, min: Math.fround(-70000), max: 70000 }),
  fc.float({ noNaN: true, min: Math.fround(-(2 ** -13)), max: Math.fround(2 ** -13) }),
  // Exact midpoints between neighbours.
  fc.nat(0x7bff).map((code) => (valueOfHalf(code) + valueOfHalf(Math.min(code + 1, 0x7bff))) / 2),
);

describe("f16ToF32()", () => {
  it("equals the definition of binary16 for every pattern", () => {
    const values = f16ToF32(everyPattern);
    for (let half = 0; half < 65536; half++) {
      if (!Object.is(values[half], valueOfHalf(half))) expect([half, values[half]]).toEqual([half, valueOfHalf(half)]);
    }
  });

  it("is undone by f32ToF16() for every pattern, NaN payloads included", () => {
    expect(f32ToF16(f16ToF32(everyPattern))).toEqual(everyPattern);
  });
});

describe("f32ToF16()", () => {
  it("rounds to nearest, ties to even, through subnormals and overflow", () => {
    fc.assert(
      fc.property(f32, (value) => {
        const finite = Number.isFinite(value);
        const expected = finite ? nearestCode(value, valueOfHalf, 0x7bff) : value > 0 ? 0x7c00 : 0xfc00;
        expect(f32ToF16(Float32Array.of(value))[0]).toBe(expected);
      }),
      { seed: 21, numRuns: 3000 },
    );
  });

  it("reads a view that does not begin at the buffer's start", () => {
    expect(f32ToF16(Float32Array.of(9, 1, -2).subarray(1))).toEqual(Uint16Array.of(0x3c00, 0xc000));
  });
});

describe("bf16ToF32() and f32ToBf16()", () => {
  it("round trip every pattern", () => {
    expect(f32ToBf16(bf16ToF32(everyPattern))).toEqual(everyPattern);
  });

  it("round to nearest, ties to even", () => {
    const bfloatValue = (code: number) => bf16ToF32(Uint16Array.of(code))[0]!;
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(f32ToBf16(Float32Array.of(value))[0]).toBe(nearestCode(value, bfloatValue, 0x7f7f));
      }),
      { seed: 22, numRuns: 2000 },
    );
  });

  it("keep NaN a NaN whose payload lies in the lost bits", () => {
    const hidden = new Float32Array(Uint32Array.of(0x7f800001, 0xff800001).buffer);
    expect(bf16ToF32(f32ToBf16(hidden))).toEqual(Float32Array.of(Number.NaN, Number.NaN));
    expect(f16ToF32(f32ToF16(hidden))).toEqual(Float32Array.of(Number.NaN, Number.NaN));
  });
});
