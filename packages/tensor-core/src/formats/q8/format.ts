// 8-bit integers with a scale a block: |value − decoded| ≤ scale/2, scale being max|block|/127 or the next binary16 above. The integers
// of a block are [16 pairs of columns][8 rows][2 columns], a byte each. Knows no kernel.
import { blockFormat, extremeOf } from "../blocks.ts";
import type { PackedFormat } from "../format.ts";

const most = 127;

/** Byte of (row, column) in a block. */
const byteOf = (row: number, column: number) => 16 * (column >> 1) + 2 * row + (column & 1);

/** The format of 8-bit weights. */
export const q8: PackedFormat = blockFormat({
  dtype: "q8",
  integerWords: 64,
  scaleOf: (values) => Math.abs(extremeOf(values)) / most,
  quantise: (ratio) => Math.max(-most, Math.min(most, Math.round(ratio))),
  store(words, at, row, column, integer) {
    const byte = byteOf(row, column);
    const shift = 8 * (byte & 3);
    const word = at + (byte >> 2);
    words[word] = ((words[word]! & ~(0xff << shift)) | ((integer & 0xff) << shift)) >>> 0;
  },
  load(words, at, row, column) {
    const byte = byteOf(row, column);
    return (words[at + (byte >> 2)]! << (24 - 8 * (byte & 3))) >> 24;
  },
});
