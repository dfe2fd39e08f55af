// Ragged batches as index arrays on the host: segments of flattened rows, and rows of cache slots. Knows no tensor.
import { ShapeError } from "../errors.ts";

/** B segments of N flattened rows: segment b is rows offsets[b] to offsets[b + 1]. */
export interface Segments {
  /** B + 1 ascending boundaries from 0 to N. */
  readonly offsets: Uint32Array;
}

/** N rows to be fed to slots of a cache: entry n is position positions[n] of slot slots[n]. */
export interface RowBatch {
  readonly slots: Uint32Array;
  readonly positions: Uint32Array;
}

/** Segments of the given lengths, in order. */
export function segmentsOf(lengths: readonly number[]): Segments {
  const offsets = new Uint32Array(lengths.length + 1);
  for (const [index, length] of lengths.entries()) offsets[index + 1] = offsets[index]! + length;
  return { offsets };
}

/** Number of flattened rows. */
export function rowCountOf({ offsets }: Segments): number {
  return offsets.at(-1) ?? 0;
}

/** Position of each row within its segment, from 0; [N]. */
export function segmentPositions({ offsets }: Segments): Uint32Array {
  const positions = new Uint32Array(offsets.at(-1) ?? 0);
  for (let segment = 0; segment + 1 < offsets.length; segment++) {
    for (let row = offsets[segment]!; row < offsets[segment + 1]!; row++) positions[row] = row - offsets[segment]!;
  }
  return positions;
}

/**
 * Key ranges (start, end) of the given query rows, causal within their segment: all rows up to and including its own,
 * at most `window` of them. `rows` defaults to every row; [2·queries].
 *
 * @throws ShapeError where a row is in no segment
 */
export function causalRanges(
  segments: Segments,
  window: number = Number.POSITIVE_INFINITY,
  rows?: Uint32Array,
): Uint32Array {
  const positions = segmentPositions(segments);
  const queries = rows ?? Uint32Array.from(positions, (_, row) => row);
  const ranges = new Uint32Array(2 * queries.length);
  for (const [query, row] of queries.entries()) {
    const position = positions[row];
    if (position === undefined) {
      const expected = `a row below ${positions.length}`;
      throw new ShapeError({ op: "causalRanges", label: `query ${query}`, expected, actual: row });
    }
    const visible = Math.min(position + 1, window);
    ranges[2 * query] = row + 1 - visible;
    ranges[2 * query + 1] = row + 1;
  }
  return ranges;
}

/** Entries `rows` of a batch, in that order. */
export function entriesOf({ slots, positions }: RowBatch, rows: Uint32Array): RowBatch {
  return { slots: rows.map((row) => slots[row]!), positions: rows.map((row) => positions[row]!) };
}
