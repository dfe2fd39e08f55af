// What the integer formats share: per panel and block of 32 columns eight scales in binary16, then the integers of the eight
// rows. Knows neither how integers are laid out nor how a scale is found.
import { widenHalf } from "./f16/format.ts";
import { blockColumns, type PackedFormat, panelRows, refusal } from "./format.ts";

/** How one integer format differs from another. */
export interface BlockCoding {
  readonly dtype: "q8" | "q4";
  /** Words of the integers of one block of a panel. */
  readonly integerWords: number;
  /** The least scale of a block from its values; 0 where all are 0. */
  scaleOf(values: Float32Array): number;
  /** The integer nearest to value/scale that the format has. */
  quantise(ratio: number): number;
  /** Stores and loads the integer of (row, column) of a block whose integers begin at `at`. */
  store(words: Uint32Array, at: number, row: number, column: number, integer: number): void;
  load(words: Uint32Array, at: number, row: number, column: number): number;
}

/** The format of a coding. */
export function blockFormat({ dtype, integerWords, scaleOf, quantise, store, load }: BlockCoding): PackedFormat {
  const scaleWords = panelRows / 2;
  const blockWords = scaleWords + integerWords;
  const blocksOf = (columns: number) => Math.ceil(columns / blockColumns);
  return {
    panelWords: (columns) => blocksOf(columns) * blockWords,
    pack(values, rows, columns, first, words, at) {
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
          const half = halfAbove(Math.fround(scaleOf(held)));
          if (half === null) throw refusal(dtype);
          const word = base + (row >> 1);
          words[word] = (row % 2 === 0 ? half : words[word]! | (half << 16)) >>> 0;
          const scale = floatOf(half);
          for (let column = 0; column < blockColumns; column++) {
            const ratio = scale === 0 ? 0 : held[column]! / scale;
            store(words, base + scaleWords, row, column, quantise(ratio));
          }
        }
      }
    },
    unpack(words, at, rows, columns, first, values) {
      for (let row = 0; row < Math.min(panelRows, rows - first); row++) {
        for (let column = 0; column < columns; column++) {
          const base = at + Math.floor(column / blockColumns) * blockWords;
          const integer = load(words, base + scaleWords, row, column % blockColumns);
          values[(first + row) * columns + column] =
            integer * floatOf((words[base + (row >> 1)]! >>> (16 * (row % 2))) & 0xffff);
        }
      }
    },
  };
}

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

function floatOf(half: number): number {
  bits[0] = widenHalf(half);
  return float[0]!;
}

/** The least binary16 that is no smaller in magnitude, so that integers reach no further; null past 65504. */
function halfAbove(value: number): number | null {
  float[0] = value;
  const sign = (bits[0]! >>> 16) & 0x8000;
  const magnitude = bits[0]! & 0x7fffffff;
  if (magnitude > 0x477fe000) return null;
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0x1fff) >>> 13);
  return sign | Math.ceil(Math.abs(value) * 2 ** 24);
}

/** The entry of largest magnitude, with its sign. */
export function extremeOf(values: Float32Array): number {
  // What is no number has no scale, which is then refused.
  return values.reduce((most, value) => (Math.abs(value) > Math.abs(most) || Number.isNaN(value) ? value : most), 0);
}
