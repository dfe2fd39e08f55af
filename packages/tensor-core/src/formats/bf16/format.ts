// bfloat16: the upper half of a float32, rounded to nearest even. A word holds two neighbouring columns of a row, the even
// one below; a panel is [column pairs][8 rows]. Knows no kernel.
import { type PackedFormat, panelRows } from "../format.ts";

const scratch = new DataView(new ArrayBuffer(4));

/** The bfloat16 nearest to a number, as 16 bits; NaN stays NaN. */
function toBits(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  if (Number.isNaN(value)) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** The format of 16-bit weights. */
export const bf16: PackedFormat = {
  panelWords: (columns) => panelRows * Math.ceil(columns / 2),
  pack(values, rows, columns, first, words, at) {
    for (let column = 0; column < columns; column++) {
      for (let row = 0; row < panelRows; row++) {
        if (first + row >= rows) continue;
        const to = at + panelRows * (column >> 1) + row;
        const bits = toBits(values[(first + row) * columns + column]!);
        words[to] = column % 2 === 0 ? bits : (words[to]! | (bits << 16)) >>> 0;
      }
    }
  },
  unpack(words, at, rows, columns, first, values) {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    for (let row = 0; row < Math.min(panelRows, rows - first); row++) {
      for (let column = 0; column < columns; column++) {
        const word = words[at + panelRows * (column >> 1) + row]!;
        bits[(first + row) * columns + column] = column % 2 === 0 ? word << 16 : word & 0xffff0000;
      }
    }
  },
};
