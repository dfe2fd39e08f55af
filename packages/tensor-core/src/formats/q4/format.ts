// 4-bit integers from −8 to 7 with a scale a block, −extreme/8 or the next half further from 0: |value − decoded| ≤ |scale|.
// The integers of a block, plus 8, are [4 groups of 8 columns][8 rows][2 halves][4 nibbles]: half p, nibble s is column
// 2s + p of its group. Knows no kernel.
import { blockFormat, extremeOf } from "../blocks.ts";
import type { PackedFormat } from "../format.ts";

/** Word of (row, column) in a block: a row's eight columns of a group. */
const wordOf = (row: number, column: number) => 8 * (column >> 3) + row;
const shiftOf = (column: number) => 16 * (column & 1) + 4 * ((column & 7) >> 1);

/** The format of 4-bit weights. */
export const q4: PackedFormat = blockFormat({
  dtype: "q4",
  integerWords: 32,
  scaleOf: (values) => extremeOf(values) / -8,
  quantise: (ratio) => Math.max(-8, Math.min(7, Math.round(ratio))),
  store(words, at, row, column, integer) {
    const word = at + wordOf(row, column);
    const shift = shiftOf(column);
    words[word] = ((words[word]! & ~(0xf << shift)) | ((integer + 8) << shift)) >>> 0;
  },
  load: (words, at, row, column) => ((words[at + wordOf(row, column)]! >>> shiftOf(column)) & 0xf) - 8,
});
