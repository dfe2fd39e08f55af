// Broadcasting reduced to the fewest axes: neighbours that every operand walks alike become one. Knows no op.
import { broadcastStrides } from "../../spec.ts";

/** A shape and, for each operand, its element strides: 0 where it repeats. */
export interface StridedAxes {
  readonly shape: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

/** The axes of `full` with the strides at which each of `parts` broadcasts to it, merged; extents of 1 vanish. */
export function mergeAxes(full: readonly number[], parts: readonly (readonly number[])[]): StridedAxes {
  const unmerged = parts.map((part) => broadcastStrides(part, full));
  const shape: number[] = [];
  const strides: number[][] = parts.map(() => []);
  for (let axis = full.length - 1; axis >= 0; axis--) {
    const extent = full[axis]!;
    if (extent === 1) continue;
    const inner = shape[0];
    if (inner !== undefined && unmerged.every((steps, part) => steps[axis] === strides[part]![0]! * inner)) {
      shape[0] = inner * extent;
      continue;
    }
    shape.unshift(extent);
    for (const [part, steps] of unmerged.entries()) strides[part]!.unshift(steps[axis]!);
  }
  return { shape, strides };
}

/** At most two axes as rows of a contiguous array, for kernels that take a row and a column stride an operand. */
export interface StridedRows {
  readonly width: number;
  readonly total: number;
  readonly rowCount: number;
  readonly strides: readonly { readonly row: number; readonly column: number }[];
}

// A single long axis is cut into rows of this length, so that threads share it.
const CUT_WIDTH = 1024;

/** The rows of a broadcast, or null where it takes more than two axes or an inner stride other than 0 and 1. */
export function rowsOf(full: readonly number[], parts: readonly (readonly number[])[]): StridedRows | null {
  const { shape, strides } = mergeAxes(full, parts);
  if (shape.length > 2) return null;
  const width = shape.length === 2 ? shape[1]! : Math.min(CUT_WIDTH, shape[0] ?? 1);
  const total = shape.reduce((product, extent) => product * extent, 1);
  const operands = strides.map((steps) => {
    const column = steps.at(-1) ?? 0;
    return { row: shape.length === 2 ? steps[0]! : column * width, column };
  });
  if (operands.some(({ column }) => column > 1)) return null;
  return { width, total, rowCount: width === 0 ? 0 : Math.ceil(total / width), strides: operands };
}
