// Broadcast operands as strides over at most four axes: adjacent axes that every operand walks alike are merged first.
import { DeviceError } from "../../../errors.ts";
import { broadcastStrides, sizeOf } from "../../../spec.ts";

/** Extents and element strides, outermost first, padded to four axes. */
export interface StridedAxes {
  readonly extents: readonly number[];
  /** One list an operand. */
  readonly strides: readonly (readonly number[])[];
}

const axisCount = 4;

/** The axes of `shape` and how operands of the given shapes are read along them; throws DeviceError beyond four. */
export function stridedAxes(
  op: string,
  shape: readonly number[],
  operands: readonly (readonly number[])[],
): StridedAxes {
  const full = operands.map((operand) => broadcastStrides(operand, shape));
  const extents: number[] = [];
  const strides = operands.map((): number[] => []);
  for (const [axis, extent] of shape.entries()) {
    if (extent === 1) continue;
    const mergeable =
      extents.length > 0 && strides.every((list, operand) => list.at(-1) === full[operand]![axis]! * extent);
    if (mergeable) {
      extents[extents.length - 1] = extents.at(-1)! * extent;
      for (const [operand, list] of strides.entries()) list[list.length - 1] = full[operand]![axis]!;
    } else {
      extents.push(extent);
      for (const [operand, list] of strides.entries()) list.push(full[operand]![axis]!);
    }
  }
  if (extents.length > axisCount) {
    throw new DeviceError(
      "webgpu",
      `Cannot apply ${op}: broadcasting to [${shape.join(", ")}] needs ${extents.length} axes but the kernel walks ${axisCount}; reshape, or use the cpu device`,
    );
  }
  const pad = (list: readonly number[], fill: number) => [
    ...new Array<number>(axisCount - list.length).fill(fill),
    ...list,
  ];
  return { extents: pad(extents, 1), strides: strides.map((list) => pad(list, 0)) };
}

/** WGSL that sets `aAt`, `bAt`, … for item `at` from uniforms `extent1..3` and `a0..3`, `b0..3`, … */
export function stridedIndexing(operands: readonly string[]): string {
  const indices = operands.map(
    (name) =>
      `let ${name}At = c0 * params.${name}0 + c1 * params.${name}1 + c2 * params.${name}2 + c3 * params.${name}3;`,
  );
  return `
  let c3 = at % params.extent3;
  let rest2 = at / params.extent3;
  let c2 = rest2 % params.extent2;
  let rest1 = rest2 / params.extent2;
  let c1 = rest1 % params.extent1;
  let c0 = rest1 / params.extent1;
  ${indices.join("\n  ")}`;
}

/** True where an operand is read as `shape` itself, element by element. */
export function isWhole(operand: readonly number[], shape: readonly number[]): boolean {
  return sizeOf(operand) === sizeOf(shape);
}
