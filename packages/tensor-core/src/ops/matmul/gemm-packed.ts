// Products with packed weights: few rows take the format's own kernel; other products unpack slabs of the weight and
// multiply those. Knows no tensor.
import { type CpuRunner, chunkFor } from "../../backends/cpu/call.ts";
import { blockColumns, type PackedDtype, panelRows } from "../../formats/format.ts";
import { conversionKernels } from "../../formats/kernels.ts";
import { packedFormats } from "../../formats/packing.ts";
import type { Gemm } from "./gemm.ts";

/** A packed weight of `width` columns, from row `first` on; its rows are columns of B where transposed, else rows of B. */
export interface PackedOperand {
  readonly format: PackedDtype;
  readonly pointer: number;
  readonly width: number;
  readonly first: number;
  readonly transposed: boolean;
}

interface Multiplication {
  readonly kernel: string;
  /** What the kernel takes for activations: themselves, larger by 2^56, or as integers with the arrays named. */
  readonly activations: "floats" | "large floats" | "integers and scales" | "integers, scales and sums";
  /** Rows of activations up to which the kernel beats unpacking, measured at 5632 × 2048 (docs/log.md). */
  readonly mostRows: number;
  /** Dots of bytes, where the engine has them. */
  readonly dots?: IntegerDots;
}

/** The kernels of a format round activations alike and have the same sums. */
interface IntegerDots {
  /** Few rows, and how they are rounded: rows of 16 bits up to `largest`, or of signed bytes. */
  readonly kernel: string;
  readonly rounding: { readonly kernel: string; readonly largest?: number };
  /** Tiles of four rows, and the bytes of a tile's block in each array of the rounded rows: integers, scales, starts. */
  readonly tiles: { readonly kernel: string; readonly round: string; readonly bytesOfBlock: readonly number[] };
  /** Rows up to which the kernel beats tiles of four rows, measured as above. */
  readonly mostRows: number;
}

const multiplications: Readonly<Record<PackedDtype, Multiplication>> = {
  bf16: { kernel: "multiplyBf16", activations: "floats", mostRows: 6 },
  f16: { kernel: "multiplyF16", activations: "large floats", mostRows: 6 },
  q8: {
    kernel: "multiplyQ8",
    activations: "integers and scales",
    mostRows: 16,
    dots: {
      kernel: "multiplyQ8",
      rounding: { kernel: "roundRows", largest: 8191 },
      tiles: { kernel: "multiplyTilesQ8", round: "roundTilesInParts", bytesOfBlock: [256, 16] },
      mostRows: 9,
    },
  },
  q4: {
    kernel: "multiplyQ4",
    activations: "integers, scales and sums",
    mostRows: 16,
    dots: {
      kernel: "multiplyNibbles",
      rounding: { kernel: "roundBytes" },
      tiles: { kernel: "multiplyTilesQ4", round: "roundTilesOfBytes", bytesOfBlock: [128, 16, 16] },
      mostRows: 3,
    },
  },
};

/** By how much `multiplyF16` wants activations larger: it then multiplies weights that it need not scale one by one. */
const LARGE = 2 ** 56;

/** Rounding without dots of bytes: 15 bits. */
const ORDINARY_ROUNDING = { kernel: "roundRows", largest: 32_767 };

const SLAB_BYTES = 8 * 1024 * 1024;
// Rows and columns of a tile and of a unit of the tiled kernels, rows for which a panel is unpacked once.
const TILE_ROWS = 4;
const UNIT_COLUMNS = 16;
const TILED_ROWS = 256;

/** Runs C (+)= A·B for packed B; `gemm` multiplies slabs of it that were unpacked. */
export function gemmPacked(
  runner: CpuRunner,
  product: Gemm & { readonly b: PackedOperand },
  gemm: (runner: CpuRunner, product: Gemm) => void,
): void {
  const { a, b, rows, inner } = product;
  const contiguous = a.stepStride === 1 && (a.lineStride === inner || rows === 1);
  if (b.transposed && contiguous && b.first % panelRows === 0 && inner > 0) {
    const { mostRows, dots } = multiplications[b.format];
    if (dots !== undefined && runner.integerDots && rows > dots.mostRows) {
      multiplyTiles(runner, product, dots);
      return;
    }
    if (rows <= mostRows) {
      multiplyRows(runner, product);
      return;
    }
  }
  const { columns, rowStride, c, accumulate } = product;
  const total = b.transposed ? columns : inner;
  const slab = Math.max(panelRows, Math.floor(SLAB_BYTES / (4 * Math.max(1, b.width))));
  const unpacked = runner.scratch(4 * Math.min(slab, total) * b.width);
  if (total === 0) {
    gemm(runner, { ...product, b: { pointer: unpacked, lineStride: 1, stepStride: b.width } });
  }
  for (let line = 0; line < total; line += slab) {
    const count = Math.min(slab, total - line);
    runner.parallel(
      conversionKernels[b.format].unpack,
      [b.pointer, unpacked, b.width, b.first + line, 0],
      count,
      chunkFor(4 * b.width),
    );
    if (b.transposed) {
      const part = { pointer: unpacked, lineStride: b.width, stepStride: 1 };
      gemm(runner, { a, b: part, c: c + 4 * line, rowStride, rows, columns: count, inner, accumulate });
    } else {
      const part = { pointer: unpacked, lineStride: 1, stepStride: b.width };
      const left = { ...a, pointer: a.pointer + 4 * line * a.stepStride };
      gemm(runner, { a: left, b: part, c, rowStride, rows, columns, inner: count, accumulate: accumulate || line > 0 });
    }
  }
  runner.release(unpacked);
}

/** The format's own kernel, panel by panel. */
function multiplyRows(
  runner: CpuRunner,
  { a, b, c, rowStride, rows, columns, inner, accumulate }: Gemm & { readonly b: PackedOperand },
): void {
  const { activations, dots, kernel: ordinary } = multiplications[b.format];
  const { kernel, rounding } =
    runner.integerDots && dots !== undefined ? dots : { kernel: ordinary, rounding: ORDINARY_ROUNDING };
  const weights = weightsOf(b);
  const panels = Math.ceil(columns / panelRows);
  const blocks = Math.ceil(inner / blockColumns);
  const x = [a.pointer];
  const held: number[] = [];
  if (activations === "large floats") {
    // Whole lines are read: from where one begins, rows of a larger matrix may not.
    const offset = a.pointer % 64;
    const lines = Math.ceil((offset + 4 * rows * inner) / 64);
    held.push(runner.scratch(64 * lines));
    runner.parallel("affineLines", [a.pointer - offset, held[0]!, LARGE, 0], lines, chunkFor(8));
    x[0] = held[0]! + offset;
  } else if (activations !== "floats") {
    held.push(...[64, 4, 4].map((bytes) => runner.scratch(bytes * rows * blocks)));
    const { kernel: round, largest } = rounding;
    const limits = largest === undefined ? [] : [largest];
    runner.parallel(round, [a.pointer, inner, ...limits, ...held], rows, chunkFor(2 * inner));
    x.splice(0, 1, ...held);
  }
  const taken = activations === "integers and scales" ? x.slice(0, 2) : x;
  const args = [...taken, weights, c, rowStride, rows, columns, inner, accumulate ? 1 : 0];
  runner.parallel(kernel, args, panels, chunkFor((panelRows * rows * inner) / 2));
  for (const pointer of held) runner.release(pointer);
}

/** Tiles of four rounded rows, which meet panels of bytes; the sums are those of few rows. */
function multiplyTiles(
  runner: CpuRunner,
  { a, b, c, rowStride, rows, columns, inner, accumulate }: Gemm & { readonly b: PackedOperand },
  { tiles }: IntegerDots,
): void {
  const weights = weightsOf(b);
  const blocks = Math.ceil(inner / blockColumns);
  const slab = TILED_ROWS * Math.max(1, Math.floor(SLAB_BYTES / (64 * TILED_ROWS * blocks)));
  const tilesOf = (count: number) => Math.ceil(count / TILE_ROWS);
  const mostTiles = tilesOf(Math.min(slab, rows));
  const held = tiles.bytesOfBlock.map((bytes) => runner.scratch(bytes * mostTiles * blocks));
  for (let row = 0; row < rows; row += slab) {
    const count = Math.min(slab, rows - row);
    const from = a.pointer + 4 * row * inner;
    runner.parallel(tiles.round, [from, count, inner, ...held], tilesOf(count), chunkFor(2 * TILE_ROWS * inner));
    const to = c + 4 * row * rowStride;
    const args = [...held, weights, to, rowStride, count, columns, inner, accumulate ? 1 : 0];
    runner.parallel(
      tiles.kernel,
      args,
      Math.ceil(columns / UNIT_COLUMNS),
      chunkFor((UNIT_COLUMNS * count * inner) / 4),
    );
  }
  for (const pointer of held) runner.release(pointer);
}

/** Where the panel of row `first` begins. */
function weightsOf({ format, pointer, width, first }: PackedOperand): number {
  return pointer + 4 * (first / panelRows) * packedFormats[format].panelWords(width);
}
