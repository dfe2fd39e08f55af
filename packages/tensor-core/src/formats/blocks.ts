// What the integer formats share: per panel and block of 32 columns eight float32 scales, then the integers of the eight
// rows. Knows neither how integers are laid out nor how a scale is found.
import { blockColumns, type PackedFormat, panelRows } from "./format.ts";

/** How one integer format differs from another. */
export interface BlockCoding {
  /** Words of the integers of one block of a panel. */
  readonly integerWords: number;
  /** The scale of a block from its values; 0 where all are 0. */
  scaleOf(values: Float32Array): number;
  /** The integer nearest to value/scale that the format has. */
  quantise(ratio: number): number;
  /** Stores and loads the integer of (row, column) of a block whose integers begin at `at`. */
  store(words: Uint32Array, at: number, row: number, column: number, integer: number): void;
  load(words: Uint32Array, at: number, row: number, column: number): number;
}

/** The format of a coding. */
export function blockFormat({ integerWords, scaleOf, quantise, store, load }: BlockCoding): PackedFormat {
  const blockWords = panelRows + integerWords;
  const blocksOf = (columns: number) => Math.ceil(columns / blockColumns);
  return {
    panelWords: (columns) => blocksOf(columns) * blockWords,
    pack(values, rows, columns, first, words, at) {
      const scales = new Float32Array(words.buffer, words.byteOffset, words.length);
      const held = new Float32Array(blockColumns);
      for (let block = 0; block < blocksOf(columns); block++) {
        const base = at + block * blockWords;
        const count = Math.min(blockColumns, columns - block * blockColumns);
        for (let row = 0; row < panelRows; row++) {
          held.fill(0);
          if (first + row < rows) {
            const from = (first + row) * columns + block * blockColumns;
            for (let column = 0; column < count; column++) held[column] = values[from + column]!;
          }
          const scale = Math.fround(scaleOf(held));
          scales[base + row] = scale;
          for (let column = 0; column < blockColumns; column++) {
            const ratio = scale === 0 ? 0 : held[column]! / scale;
            store(words, base + panelRows, row, column, quantise(ratio));
          }
        }
      }
    },
    unpack(words, at, rows, columns, first, values) {
      const scales = new Float32Array(words.buffer, words.byteOffset, words.length);
      for (let row = 0; row < Math.min(panelRows, rows - first); row++) {
        for (let column = 0; column < columns; column++) {
          const base = at + Math.floor(column / blockColumns) * blockWords;
          const integer = load(words, base + panelRows, row, column % blockColumns);
          values[(first + row) * columns + column] = integer * scales[base + row]!;
        }
      }
    },
  };
}

/** The entry of largest magnitude, with its sign. */
export function extremeOf(values: Float32Array): number {
  return values.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
}
