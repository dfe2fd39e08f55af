// The matrix product every cpu kernel is built on: chooses between tiles, row dots, row mixtures and the kernels of packed
// weights, and keeps its scratch memory bounded. Matrices are addresses with strides, or packed.
import { type CpuRunner, type CpuView, chunkFor } from "../../backends/cpu/call.ts";
import { isPacked } from "../../spec.ts";
import { gemmPacked, type PackedOperand } from "./gemm-packed.ts";

/** A matrix as one side of a product: `line` is along rows of A or columns of B, `step` along the inner axis; in elements. */
export interface GemmOperand {
  readonly pointer: number;
  readonly lineStride: number;
  readonly stepStride: number;
}

/** C[rows, columns] (+)= A·B with row-major C; one stride of each operand must be 1. */
export interface Gemm {
  readonly a: GemmOperand;
  readonly b: GemmOperand | PackedOperand;
  readonly c: number;
  readonly rowStride: number;
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  readonly accumulate: boolean;
}

// Up to here weights are read once as they lie; above, packing them pays for itself. Mixtures read them once a row.
const DOT_ROWS = 16;
const MIXTURE_ROWS = 4;
// Blocks of C that one unit of work owns: their packed rows and columns of 256 steps fill half a second-level cache.
const ROW_BLOCK = 96;
const COLUMN_BLOCK = 64;
// Rows and columns are packed in groups of so many, whatever tiles a build of the kernels has.
const ROW_GROUP = 12;
const COLUMN_GROUP = 16;
// Larger operands are packed in slabs: columns in such as stay in a cache until they are multiplied, rows in larger ones,
// since they are packed anew for each slab of columns where there are several of theirs.
const ROW_SLAB_BYTES = 32 * 1024 * 1024;
const COLUMN_SLAB_BYTES = 6 * 1024 * 1024;

/** A weight [lines, columns] from row `first` on as operand B: its rows are B's columns where transposed, else B's rows. */
export function weightOperand(weight: CpuView, transposed: boolean, first: number = 0): GemmOperand | PackedOperand {
  const { pointer, dtype } = weight;
  const width = weight.shape[1]!;
  if (isPacked(dtype)) return { format: dtype, pointer, width, first, transposed };
  const from = pointer + 4 * first * width;
  return transposed
    ? { pointer: from, lineStride: width, stepStride: 1 }
    : { pointer: from, lineStride: 1, stepStride: width };
}

/** Runs one product. Every element has one summation tree, which depends on the inner extent and the kernel chosen. */
export function gemm(runner: CpuRunner, product: Gemm): void {
  const { a, b, c, rowStride, rows, columns, inner } = product;
  const accumulate = product.accumulate ? 1 : 0;
  if (rows === 0 || columns === 0) return;
  if ("format" in b) {
    gemmPacked(runner, { ...product, b }, gemm);
    return;
  }
  // An empty inner axis has nothing to pack: row dots write its zeros.
  if (inner === 0 || (rows <= DOT_ROWS && a.stepStride === 1 && b.stepStride === 1)) {
    const args = [a.pointer, a.lineStride, b.pointer, b.lineStride, c, rowStride, rows, inner, accumulate];
    runner.parallel("multiplyRowDots", args, columns, chunkFor(rows * inner));
    return;
  }
  if (rows <= MIXTURE_ROWS && b.lineStride === 1) {
    const args = [
      a.pointer,
      a.lineStride,
      a.stepStride,
      b.pointer,
      b.stepStride,
      c,
      rowStride,
      rows,
      columns,
      inner,
      accumulate,
    ];
    runner.parallel("multiplyRowMixtures", args, Math.ceil(columns / 32), chunkFor(32 * rows * inner));
    return;
  }
  const slabRows = slabOf(rows, inner, ROW_GROUP, ROW_SLAB_BYTES);
  const slabColumns = slabOf(columns, inner, COLUMN_GROUP, COLUMN_SLAB_BYTES);
  const packedA = runner.scratch(Math.ceil(slabRows / ROW_GROUP) * 4 * ROW_GROUP * inner);
  const packedB = runner.scratch(Math.ceil(slabColumns / COLUMN_GROUP) * 4 * COLUMN_GROUP * inner);
  for (let column = 0; column < columns; column += slabColumns) {
    const columnCount = Math.min(slabColumns, columns - column);
    pack(runner, "packColumns", b, column, columnCount, inner, packedB, COLUMN_GROUP);
    for (let row = 0; row < rows; row += slabRows) {
      const rowCount = Math.min(slabRows, rows - row);
      if (column === 0 || slabRows < rows) pack(runner, "packRows", a, row, rowCount, inner, packedA, ROW_GROUP);
      const at = c + 4 * (row * rowStride + column);
      const units = Math.ceil(rowCount / ROW_BLOCK) * Math.ceil(columnCount / COLUMN_BLOCK);
      const unitWork = (rowCount * columnCount * inner) / units;
      const args = [packedA, packedB, at, rowStride, rowCount, columnCount, inner, accumulate, ROW_BLOCK, COLUMN_BLOCK];
      runner.parallel("multiplyPacked", args, units, chunkFor(unitWork));
    }
  }
  runner.release(packedA);
  runner.release(packedB);
}

function slabOf(lines: number, inner: number, width: number, bytes: number): number {
  const most = Math.max(1, Math.floor(bytes / (4 * width * Math.max(1, inner)))) * width;
  return Math.min(lines, most);
}

function pack(
  runner: CpuRunner,
  kernel: string,
  { pointer, lineStride, stepStride }: GemmOperand,
  line: number,
  lineCount: number,
  inner: number,
  to: number,
  width: number,
): void {
  const args = [pointer + 4 * line * lineStride, lineStride, stepStride, to, lineCount, inner];
  runner.parallel(kernel, args, Math.ceil(lineCount / width), chunkFor(width * inner));
}
