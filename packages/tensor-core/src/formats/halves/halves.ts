// What the two 16-bit floats share: a word holds two neighbouring columns of a row, the even one below; a panel is
// [column pairs][8 rows]. Knows no kernel, and not how a number is rounded.
import { type PackedFormat, panelRows } from "../format.ts";

/** How one 16-bit float differs from another; numbers are given as bits of float32, which both directions keep. */
export interface HalfCoding {
  /** The nearest half, ties to even. */
  narrow(bits: number): number;
  /** Exact. */
  widen(half: number): number;
}

/** The format of a coding. */
export function halfFormat({ narrow, widen }: HalfCoding): PackedFormat {
  const scratch = new Float32Array(1);
  const scratchBits = new Uint32Array(scratch.buffer);
  return {
    panelWords: (columns) => panelRows * Math.ceil(columns / 2),
    pack(values, rows, columns, first, words, at) {
      for (let row = 0; row < Math.min(panelRows, rows - first); row++) {
        for (let column = 0; column < columns; column++) {
          const to = at + panelRows * (column >> 1) + row;
          scratch[0] = values[(first + row) * columns + column]!;
          const half = narrow(scratchBits[0]!);
          words[to] = column % 2 === 0 ? half : (words[to]! | (half << 16)) >>> 0;
        }
      }
    },
    unpack(words, at, rows, columns, first, values) {
      const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
      for (let row = 0; row < Math.min(panelRows, rows - first); row++) {
        for (let column = 0; column < columns; column++) {
          const word = words[at + panelRows * (column >> 1) + row]!;
          bits[(first + row) * columns + column] = widen(column % 2 === 0 ? word & 0xffff : word >>> 16);
        }
      }
    },
  };
}
