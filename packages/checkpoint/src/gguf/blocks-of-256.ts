// Decoding ggml's "K" blocks of 256 numbers: sub-blocks of 16 or 32 share a small integer scale (and minimum) that the
// block's binary16 numbers scale again. Knows no file.
import { type DecodeBlock, halfAt } from "./blocks-of-32.ts";

/**
 * Q2_K: 16 bytes of scale (low nibble) and minimum (high) of sub-blocks of 16, 64 bytes of 2-bit integers, d, dmin.
 * Half h of the block and plane p of its 2-bit fields hold elements 128h + 32p on.
 */
export const decodeQ2K: DecodeBlock = (bytes, at, values, to) => {
  const [scale, minimum] = [halfAt(bytes, at + 80), halfAt(bytes, at + 82)];
  for (let part = 0; part < 16; part++) {
    const field = bytes[at + part]!;
    const [step, least] = [scale * (field & 15), minimum * (field >> 4)];
    const shift = 2 * ((part >> 1) & 3);
    const from = at + 16 + 32 * (part >> 3) + 16 * (part & 1);
    for (let index = 0; index < 16; index++) {
      values[to + 16 * part + index] = step * ((bytes[from + index]! >> shift) & 3) - least;
    }
  }
};

/**
 * Q3_K: 32 bytes of third bits, 64 bytes of low 2-bit integers laid out as in Q2_K, 12 bytes of 6-bit scales, d.
 * A third bit that is not set takes 4 away; scales are 32 too large.
 */
export const decodeQ3K: DecodeBlock = (bytes, at, values, to) => {
  const scale = halfAt(bytes, at + 108);
  for (let part = 0; part < 16; part++) {
    const low = part < 8 ? bytes[at + 96 + part]! & 15 : bytes[at + 88 + part]! >> 4;
    const high = (bytes[at + 104 + (part & 3)]! >> (2 * (part >> 2))) & 3;
    const step = scale * ((low | (high << 4)) - 32);
    const plane = part >> 1;
    const shift = 2 * (plane & 3);
    const [from, mask] = [at + 32 + 32 * (part >> 3) + 16 * (part & 1), at + 16 * (part & 1)];
    for (let index = 0; index < 16; index++) {
      const integer = (bytes[from + index]! >> shift) & 3;
      const taken = (bytes[mask + index]! >> plane) & 1 ? 0 : 4;
      values[to + 16 * part + index] = step * (integer - taken);
    }
  }
};

/** The 6-bit scale of sub-block `part` among the 12 bytes that hold eight scales and eight minima. */
function scaleOf(bytes: Uint8Array, at: number, part: number): number {
  if (part < 4) return bytes[at + part]! & 63;
  return (bytes[at + 4 + part]! & 15) | ((bytes[at + part - 4]! >> 6) << 4);
}

/** The 6-bit minimum likewise. */
function minimumOf(bytes: Uint8Array, at: number, part: number): number {
  if (part < 4) return bytes[at + 4 + part]! & 63;
  return (bytes[at + 4 + part]! >> 4) | ((bytes[at + part]! >> 6) << 4);
}

/** Q4_K: d, dmin, 12 bytes of scales and minima, 128 bytes of nibbles; pair j of sub-blocks of 32 shares 32 bytes. */
export const decodeQ4K: DecodeBlock = (bytes, at, values, to) => {
  const [scale, minimum] = [halfAt(bytes, at), halfAt(bytes, at + 2)];
  for (let part = 0; part < 8; part++) {
    const [step, least] = [scale * scaleOf(bytes, at + 4, part), minimum * minimumOf(bytes, at + 4, part)];
    const from = at + 16 + 32 * (part >> 1);
    const shift = 4 * (part & 1);
    for (let index = 0; index < 32; index++) {
      values[to + 32 * part + index] = step * ((bytes[from + index]! >> shift) & 15) - least;
    }
  }
};

/** Q5_K: as Q4_K, with 32 bytes of fifth bits between: sub-block j's is bit j of byte i. */
export const decodeQ5K: DecodeBlock = (bytes, at, values, to) => {
  const [scale, minimum] = [halfAt(bytes, at), halfAt(bytes, at + 2)];
  for (let part = 0; part < 8; part++) {
    const [step, least] = [scale * scaleOf(bytes, at + 4, part), minimum * minimumOf(bytes, at + 4, part)];
    const from = at + 48 + 32 * (part >> 1);
    const shift = 4 * (part & 1);
    for (let index = 0; index < 32; index++) {
      const high = (bytes[at + 16 + index]! >> part) & 1;
      values[to + 32 * part + index] = step * (((bytes[from + index]! >> shift) & 15) + 16 * high) - least;
    }
  }
};

/**
 * Q6_K: 128 bytes of low nibbles, 64 bytes of high 2-bit fields, 16 signed bytes of scales of sub-blocks of 16, d.
 * In each half of the block quarter p takes nibbles of bytes 32(p mod 2) on, low for p < 2, and field p; 32 too large.
 */
export const decodeQ6K: DecodeBlock = (bytes, at, values, to) => {
  const scale = halfAt(bytes, at + 208);
  for (let part = 0; part < 16; part++) {
    const step = scale * ((bytes[at + 192 + part]! << 24) >> 24);
    const [half, quarter, side] = [part >> 3, (part >> 1) & 3, 16 * (part & 1)];
    const low = at + 64 * half + 32 * (quarter & 1) + side;
    const high = at + 128 + 32 * half + side;
    const shift = 4 * (quarter >> 1);
    for (let index = 0; index < 16; index++) {
      const integer = ((bytes[low + index]! >> shift) & 15) | (((bytes[high + index]! >> (2 * quarter)) & 3) << 4);
      values[to + 16 * part + index] = step * (integer - 32);
    }
  }
};

const word = new DataView(new ArrayBuffer(4));

/** Q8_K: a binary32 scale, 256 signed bytes, and sums that only products need. */
export const decodeQ8K: DecodeBlock = (bytes, at, values, to) => {
  for (let index = 0; index < 4; index++) word.setUint8(index, bytes[at + index]!);
  const scale = word.getFloat32(0, true);
  for (let index = 0; index < 256; index++) values[to + index] = ((bytes[at + 4 + index]! << 24) >> 24) * scale;
};
