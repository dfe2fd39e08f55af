// Blocks of every type that is decoded, against references written element by element from the format's definition.
import { f16ToF32 } from "@dual-head/bytes";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type GgufDtype, ggufEncodings } from "./blocks.ts";
import { type GgufTypeName, ggufTypes } from "./types.ts";

/** The number at index `e` of a block, in exact arithmetic of float64; `b` gives bytes, `h` halves at bytes. */
type Reference = (e: number, b: (at: number) => number, h: (at: number) => number) => number;

const signed = (byte: number) => (byte < 128 ? byte : byte - 256);
/** Bit `index` of the bytes from `at` on. */
const bit = (b: (at: number) => number, at: number, index: number) =>
  (b(at + Math.floor(index / 8)) >> (index % 8)) & 1;
const nibble32 = (e: number, b: (at: number) => number, at: number) => (b(at + (e % 16)) >> (e < 16 ? 0 : 4)) & 15;
/** Six-bit scales and minima of Q4_K and Q5_K: the first four of each whole, the others in nibbles with two high bits. */
const six = (j: number, b: (at: number) => number, minimum: boolean) => {
  const own = 4 + (minimum ? 4 : 0);
  if (j < 4) return b(own + j) & 63;
  return ((b(12 + j - 4) >> (minimum ? 4 : 0)) & 15) + 16 * (b(own + j - 4) >> 6);
};
const nibble64 = (e: number, b: (at: number) => number, at: number) =>
  (b(at + 32 * Math.floor(e / 64) + (e % 32)) >> (e % 64 < 32 ? 0 : 4)) & 15;
/** Two-bit fields of Q2_K and Q3_K: 128 elements in 32 bytes, 32 of them in each plane. */
const two = (e: number, b: (at: number) => number, at: number) =>
  (b(at + 32 * Math.floor(e / 128) + (e % 32)) >> (2 * Math.floor((e % 128) / 32))) & 3;

const references: Partial<Record<GgufTypeName, Reference>> = {
  Q4_0: (e, b, h) => (nibble32(e, b, 2) - 8) * h(0),
  Q4_1: (e, b, h) => nibble32(e, b, 4) * h(0) + h(2),
  Q5_0: (e, b, h) => (nibble32(e, b, 6) + 16 * bit(b, 2, e) - 16) * h(0),
  Q5_1: (e, b, h) => (nibble32(e, b, 8) + 16 * bit(b, 4, e)) * h(0) + h(2),
  Q8_0: (e, b, h) => signed(b(2 + e)) * h(0),
  Q2_K: (e, b, h) => {
    const packed = b(Math.floor(e / 16));
    return h(80) * (packed % 16) * two(e, b, 16) - h(82) * Math.floor(packed / 16);
  },
  Q3_K: (e, b, h) => {
    const j = Math.floor(e / 16);
    const scale =
      ((b(96 + (j % 8)) >> (j < 8 ? 0 : 4)) & 15) + 16 * ((b(104 + (j % 4)) >> (2 * Math.floor(j / 4))) & 3);
    const third = (b(e % 32) >> Math.floor(e / 32)) & 1;
    return h(108) * (scale - 32) * (two(e, b, 32) + 4 * third - 4);
  },
  Q4_K: (e, b, h) => {
    const j = Math.floor(e / 32);
    return h(0) * six(j, b, false) * nibble64(e, b, 16) - h(2) * six(j, b, true);
  },
  Q5_K: (e, b, h) => {
    const j = Math.floor(e / 32);
    const high = (b(16 + (e % 32)) >> j) & 1;
    return h(0) * six(j, b, false) * (nibble64(e, b, 48) + 16 * high) - h(2) * six(j, b, true);
  },
  Q6_K: (e, b, h) => {
    const [half, within] = [Math.floor(e / 128), e % 128];
    const low = (b(64 * half + (within % 64)) >> (within < 64 ? 0 : 4)) & 15;
    const high = (b(128 + 32 * half + (within % 32)) >> (2 * Math.floor(within / 32))) & 3;
    return h(208) * signed(b(192 + Math.floor(e / 16))) * (low + 16 * high - 32);
  },
};

describe.each(Object.entries(references))("blocks of %s", (name, reference) => {
  const { blockSize, blockBytes, decode } = ggufTypes[name as GgufTypeName];
  it("decode to the definition's numbers, rounded once (seed 23)", () => {
    const bytes = fc.uint8Array({ minLength: 2 * blockBytes, maxLength: 2 * blockBytes });
    fc.assert(
      fc.property(bytes, (drawn) => {
        const raw = Uint8Array.from(drawn);
        const values = decode!(raw);
        expect(values.length).toBe(2 * blockSize);
        for (const block of [0, 1]) {
          const b = (at: number) => raw[block * blockBytes + at]!;
          const h = (at: number) => f16ToF32(Uint16Array.of(b(at) + 256 * b(at + 1)))[0]!;
          for (let e = 0; e < blockSize; e++) {
            // Drawn halves may be infinite or no number, and zeros of either sign.
            const expected = Math.fround(reference(e, b, h));
            const actual = values[block * blockSize + e]!;
            if (Number.isNaN(expected) ? !Number.isNaN(actual) : actual !== expected)
              expect([e, actual]).toEqual([e, expected]);
          }
        }
      }),
      { seed: 23, numRuns: 40 },
    );
  });
});

it("Q8_K has a float scale and bytes", () => {
  const raw = new Uint8Array(292);
  new DataView(raw.buffer).setFloat32(0, 0.1, true);
  raw.set([1, 255, 128], 4);
  const scale = Math.fround(0.1);
  expect([...ggufTypes.Q8_K.decode!(raw).subarray(0, 4)]).toEqual([1, -1, -128, 0].map((q) => Math.fround(q * scale)));
});

describe.each(["Q8_0", "Q4_0"] satisfies GgufDtype[])("encoding as %s", (name) => {
  const { encode } = ggufEncodings[name];
  const decode = (values: Float32Array) => ggufTypes[name].decode!(Uint8Array.from(encode(values)));
  it("keeps every value within half a step, or a whole one where Q4_0 has no +8, and what was decoded (seed 24)", () => {
    const floats = fc.float32Array({ minLength: 64, maxLength: 64, min: -8, max: 8, noNaN: true });
    fc.assert(
      fc.property(floats, (values) => {
        const decoded = decode(values);
        for (const block of [0, 1]) {
          const part = values.subarray(32 * block, 32 * block + 32);
          const most = part.reduce((larger, each) => Math.max(larger, Math.abs(each)), 0);
          // Scales are binary16: below 2^-14 they have steps of their own.
          const step = name === "Q8_0" ? most / 254 + most * 2 ** -10 : most / 8 + most * 2 ** -10;
          for (const [at, each] of part.entries()) {
            expect(Math.abs(decoded[32 * block + at]! - each)).toBeLessThanOrEqual(step + 2 ** -18);
          }
        }
      }),
      { seed: 24, numRuns: 200 },
    );
  });
});

it("numbers and sizes of the types are ggml's", () => {
  const ids = Object.values(ggufTypes).map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const bits = (name: GgufTypeName) => (8 * ggufTypes[name].blockBytes) / ggufTypes[name].blockSize;
  expect([bits("Q8_0"), bits("Q4_0"), bits("Q4_K"), bits("Q6_K"), bits("Q2_K")]).toEqual([
    8.5, 4.5, 4.5, 6.5625, 2.625,
  ]);
});
