// What a packed weight format is: matrices [rows, columns] in fewer bits, in panels of eight rows that kernels read as one
// stream. Knows no device and no op.

import { DeviceError } from "../errors.ts";

/** Rows of a panel: what one pass of a kernel computes together. */
export const panelRows = 8;

/** Columns that share a scale in the integer formats. */
export const blockColumns = 32;

/** Names of the packed formats; `f32` and `f64` are not packed. */
export type PackedDtype = "bf16" | "f16" | "q8" | "q4";

/** A format. Rows and columns that fill up the last panel and block are zeros. */
export interface PackedFormat {
  /** 32-bit words of a panel of eight rows. */
  panelWords(columns: number): number;
  /** Packs rows `first` to `first + 8` of row-major `values` into `words` from `at` on; rows that do not exist are zeros. */
  pack(values: ArrayLike<number>, rows: number, columns: number, first: number, words: Uint32Array, at: number): void;
  /** The reverse: the panel at `at` into row-major `values`. */
  unpack(words: Uint32Array, at: number, rows: number, columns: number, first: number, values: Float32Array): void;
}

/** Largest magnitudes of formats that have one: 65504, that of binary16, or as many times as integers go. */
const largest: Readonly<Record<Exclude<PackedDtype, "bf16">, number>> = { f16: 65_504, q8: 8_319_008, q4: 524_032 };

/** What is thrown where a value has no place in a format. */
export function refusal(dtype: PackedDtype): DeviceError {
  return new DeviceError(
    "cpu",
    `Cannot hold a weight in ${dtype}: it is not finite or its magnitude is past ${largest[dtype as keyof typeof largest]}; hold the matrix as bf16 or f32`,
  );
}
