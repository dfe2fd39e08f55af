// The table of packed formats, and whole matrices in and out of them. Knows no device.
import { bf16 } from "./bf16/format.ts";
import { f16 } from "./f16/format.ts";
import { type PackedDtype, type PackedFormat, panelRows } from "./format.ts";
import { q4 } from "./q4/format.ts";
import { q8 } from "./q8/format.ts";

export type { PackedDtype } from "./format.ts";

/** Every packed format by its dtype. */
export const packedFormats: Readonly<Record<PackedDtype, PackedFormat>> = { bf16, f16, q8, q4 };

/** 32-bit words of a packed matrix. */
export function packedWords(dtype: PackedDtype, rows: number, columns: number): number {
  return Math.ceil(rows / panelRows) * packedFormats[dtype].panelWords(columns);
}

/** Packs a row-major matrix. */
export function packMatrix(dtype: PackedDtype, values: ArrayLike<number>, rows: number, columns: number): Uint32Array {
  const format = packedFormats[dtype];
  const words = new Uint32Array(packedWords(dtype, rows, columns));
  const panel = format.panelWords(columns);
  for (let row = 0; row < rows; row += panelRows) {
    format.pack(values, rows, columns, row, words, (row / panelRows) * panel);
  }
  return words;
}

/** The values a packed matrix stands for, row-major. */
export function unpackMatrix(dtype: PackedDtype, words: Uint32Array, rows: number, columns: number): Float32Array {
  const format = packedFormats[dtype];
  const values = new Float32Array(rows * columns);
  const panel = format.panelWords(columns);
  for (let row = 0; row < rows; row += panelRows) {
    format.unpack(words, (row / panelRows) * panel, rows, columns, row, values);
  }
  return values;
}
