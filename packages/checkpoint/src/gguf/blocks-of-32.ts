// Decoding ggml's blocks of 32 numbers: integers q with a binary16 scale d, and in the _1 types a binary16 offset m.
// In every 4- and 5-bit type byte i holds element i in its low nibble and element i + 16 in its high one. Knows no file.
import { f16ToF32 } from "@dual-head/bytes";

/** Decodes the block at byte `at` into `values` from `to` on. */
export type DecodeBlock = (bytes: Uint8Array, at: number, values: Float32Array, to: number) => void;

let halves: Float32Array | null = null;

/** The binary16 number at byte `at`. */
export function halfAt(bytes: Uint8Array, at: number): number {
  halves ??= f16ToF32(Uint16Array.from({ length: 65536 }, (_, bits) => bits));
  return halves[bytes[at]! | (bytes[at + 1]! << 8)]!;
}

/** q·d with q from −8 to 7. */
export const decodeQ4_0: DecodeBlock = (bytes, at, values, to) => {
  const scale = halfAt(bytes, at);
  for (let index = 0; index < 16; index++) {
    const pair = bytes[at + 2 + index]!;
    values[to + index] = ((pair & 15) - 8) * scale;
    values[to + 16 + index] = ((pair >> 4) - 8) * scale;
  }
};

/** q·d + m with q from 0 to 15. */
export const decodeQ4_1: DecodeBlock = (bytes, at, values, to) => {
  const [scale, offset] = [halfAt(bytes, at), halfAt(bytes, at + 2)];
  for (let index = 0; index < 16; index++) {
    const pair = bytes[at + 4 + index]!;
    values[to + index] = (pair & 15) * scale + offset;
    values[to + 16 + index] = (pair >> 4) * scale + offset;
  }
};

/** The fifth bits of a block's 32 elements, element i in bit i. */
function fifthBits(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** q·d with q from −16 to 15. */
export const decodeQ5_0: DecodeBlock = (bytes, at, values, to) => {
  const scale = halfAt(bytes, at);
  const high = fifthBits(bytes, at + 2);
  for (let index = 0; index < 16; index++) {
    const pair = bytes[at + 6 + index]!;
    values[to + index] = ((pair & 15) + (((high >>> index) & 1) << 4) - 16) * scale;
    values[to + 16 + index] = ((pair >> 4) + (((high >>> (16 + index)) & 1) << 4) - 16) * scale;
  }
};

/** q·d + m with q from 0 to 31. */
export const decodeQ5_1: DecodeBlock = (bytes, at, values, to) => {
  const [scale, offset] = [halfAt(bytes, at), halfAt(bytes, at + 2)];
  const high = fifthBits(bytes, at + 4);
  for (let index = 0; index < 16; index++) {
    const pair = bytes[at + 8 + index]!;
    values[to + index] = ((pair & 15) + (((high >>> index) & 1) << 4)) * scale + offset;
    values[to + 16 + index] = ((pair >> 4) + (((high >>> (16 + index)) & 1) << 4)) * scale + offset;
  }
};

/** q·d with q a signed byte. */
export const decodeQ8_0: DecodeBlock = (bytes, at, values, to) => {
  const scale = halfAt(bytes, at);
  for (let index = 0; index < 32; index++) values[to + index] = ((bytes[at + 2 + index]! << 24) >> 24) * scale;
};
