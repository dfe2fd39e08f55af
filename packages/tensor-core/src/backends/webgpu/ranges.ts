// Cutting tensors larger than one binding into ranges of rows that each fit; knows no kernel.
import { DeviceError } from "../../errors.ts";
import { rangeOf, type WgslBinding, type WgslLimits } from "./program.ts";

/** Rows [start, start + count). */
export interface RowRange {
  readonly start: number;
  readonly count: number;
}

/**
 * The fewest ranges of rows such that, for every operand cut along them, a range fits one binding and begins at an
 * aligned offset. `rowBytes` holds the bytes of one row of each operand. Throws DeviceError where one row is too large.
 */
export function rowRanges(op: string, rowCount: number, rowBytes: readonly number[], limits: WgslLimits): RowRange[] {
  const widest = Math.max(4, ...rowBytes);
  if (rowCount * widest <= limits.maxBindingSize) return [{ start: 0, count: rowCount }];
  const step = rowBytes.reduce((rows, bytes) => leastCommonMultiple(rows, alignedRows(bytes, limits)), 1);
  return cut(op, rowCount, Math.floor(limits.maxBindingSize / widest / step) * step, step * widest, limits);
}

/** As rowRanges, but ranges may begin anywhere: their kernels take the first element from `windowOf`. */
export function looseRanges(op: string, rowCount: number, rowBytes: readonly number[], limits: WgslLimits): RowRange[] {
  const widest = Math.max(4, ...rowBytes);
  if (rowCount * widest <= limits.maxBindingSize) return [{ start: 0, count: rowCount }];
  return cut(op, rowCount, Math.floor((limits.maxBindingSize - limits.offsetAlignment) / widest), widest, limits);
}

/** The rows of a range that begins at an aligned offset; at least one element, so that no rows can be bound too. */
export function rowsOf(whole: WgslBinding, rowBytes: number, { start, count }: RowRange): WgslBinding {
  return rangeOf(whole, rowBytes * start, Math.max(4, rowBytes * count));
}

/** The binding that holds rows of `whole` from an aligned offset on, and the element in it where they begin. */
export function windowOf(
  whole: WgslBinding,
  rowBytes: number,
  { start, count }: RowRange,
  limits: WgslLimits,
): { binding: WgslBinding; start: number } {
  const first = rowBytes * start;
  const offset = first - (first % limits.offsetAlignment);
  return {
    binding: rangeOf(whole, offset, Math.max(4, first - offset + rowBytes * count)),
    start: (first - offset) / 4,
  };
}

function cut(op: string, rowCount: number, most: number, leastBytes: number, limits: WgslLimits): RowRange[] {
  if (most < 1) {
    throw new DeviceError(
      "webgpu",
      `Cannot apply ${op}: the least range of rows takes ${leastBytes} bytes but one binding may span ${limits.maxBindingSize} (maxStorageBufferBindingSize); use a device with a larger limit, or the cpu device`,
    );
  }
  const ranges: RowRange[] = [];
  for (let start = 0; start < rowCount; start += most) ranges.push({ start, count: Math.min(most, rowCount - start) });
  return ranges;
}

/** Ranges of a flat array of 4-byte elements. */
export function flatRanges(op: string, elementCount: number, limits: WgslLimits): RowRange[] {
  return rowRanges(op, elementCount, [4], limits);
}

/** The least number of rows of `rowBytes` after which an offset is aligned. */
export function alignedRows(rowBytes: number, limits: WgslLimits): number {
  return limits.offsetAlignment / greatestCommonDivisor(limits.offsetAlignment, rowBytes);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

function leastCommonMultiple(a: number, b: number): number {
  return (a / greatestCommonDivisor(a, b)) * b;
}
