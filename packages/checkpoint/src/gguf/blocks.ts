// Encodings of numbers in GGUF tensors, as ggml defines and rounds them; decoding is in types.ts. Knows no file.
import { f32ToBf16, f32ToF16 } from "@dual-head/bytes";
import { ggufTypes } from "./types.ts";

/** Encodings that are written; rows of the blocked ones are multiples of 32. */
export type GgufDtype = "F32" | "F16" | "BF16" | "Q8_0" | "Q4_0";

/** One encoding. */
export interface GgufEncoding {
  /** Its number in files. */
  readonly id: number;
  /** Numbers a block holds, and bytes it takes. */
  readonly blockSize: number;
  readonly blockBytes: number;
  encode(values: Float32Array): Uint8Array;
}

/** Every encoding that is written. */
export const ggufEncodings: Readonly<Record<GgufDtype, GgufEncoding>> = {
  F32: {
    ...ggufTypes.F32,
    encode: (values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  },
  F16: { ...ggufTypes.F16, encode: (values) => new Uint8Array(f32ToF16(values).buffer) },
  BF16: { ...ggufTypes.BF16, encode: (values) => new Uint8Array(f32ToBf16(values).buffer) },
  Q8_0: blocked("Q8_0", (values, bytes, at) => {
    const scale = Math.fround(largest(values) / 127);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    writeHalf(bytes, at, scale);
    // Halves away from zero, as C's roundf.
    for (const [index, value] of values.entries()) {
      const ratio = Math.fround(value * inverse);
      bytes[at + 2 + index] = Math.sign(ratio) * Math.floor(Math.abs(ratio) + 0.5);
    }
  }),
  Q4_0: blocked("Q4_0", (values, bytes, at) => {
    const scale = Math.fround(extreme(values) / -8);
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    writeHalf(bytes, at, scale);
    const nibble = (value: number) => Math.min(15, Math.trunc(Math.fround(Math.fround(value * inverse) + 8.5)));
    for (let index = 0; index < 16; index++) {
      bytes[at + 2 + index] = nibble(values[index]!) | (nibble(values[index + 16]!) << 4);
    }
  }),
};

function blocked(
  dtype: GgufDtype,
  encodeBlock: (values: Float32Array, bytes: Uint8Array, at: number) => void,
): GgufEncoding {
  const { id, blockSize, blockBytes } = ggufTypes[dtype];
  return {
    id,
    blockSize,
    blockBytes,
    encode(values) {
      const count = values.length / 32;
      const bytes = new Uint8Array(count * blockBytes);
      for (let block = 0; block < count; block++) {
        encodeBlock(values.subarray(32 * block, 32 * (block + 1)), bytes, block * blockBytes);
      }
      return bytes;
    },
  };
}

function largest(values: Float32Array): number {
  return Math.abs(extreme(values));
}

/** The first value of largest magnitude, with its sign. */
function extreme(values: Float32Array): number {
  let most = 0;
  for (const value of values) if (Math.abs(value) > Math.abs(most)) most = value;
  return most;
}

const one = new Float32Array(1);

function writeHalf(bytes: Uint8Array, at: number, value: number): void {
  one[0] = value;
  const half = f32ToF16(one)[0]!;
  bytes[at] = half & 0xff;
  bytes[at + 1] = half >>> 8;
}
