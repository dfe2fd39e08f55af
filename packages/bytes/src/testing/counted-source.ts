// A byte source that counts what is asked of it: how tests show that a reader asks for no more than it needs.
// It does not know what the bytes mean.
import type { ByteSource } from "../byte-source.ts";

/** A source and what was asked of it so far. */
export interface CountedSource extends ByteSource {
  /** Every range asked for, in order, refused ones included. */
  readonly ranges: readonly { readonly offset: number; readonly length: number }[];
  /** Bytes asked for in all. */
  readonly bytesRead: number;
  /** Bytes of the longest range asked for. */
  readonly longestRead: number;
  readonly closed: boolean;
}

/** Counts what is asked of `source`; closing one closes the other. */
export function countedSource(source: ByteSource): CountedSource {
  const ranges: { readonly offset: number; readonly length: number }[] = [];
  let closed = false;
  return {
    name: source.name,
    size: source.size,
    ranges,
    get bytesRead() {
      return ranges.reduce((sum, { length }) => sum + length, 0);
    },
    get longestRead() {
      return ranges.reduce((most, { length }) => Math.max(most, length), 0);
    },
    get closed() {
      return closed;
    },
    read(offset, length, signal) {
      ranges.push({ offset, length });
      return source.read(offset, length, signal);
    },
    async close() {
      closed = true;
      await source.close();
    },
  };
}
