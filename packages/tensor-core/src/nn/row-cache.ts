// Slots of cached rows: a fixed block of rows a slot, allocated once. Serves keys, values and gate histories alike;
// knows neither what the rows mean nor who reads them.
import type { Device } from "../device.ts";
import { gatherRows } from "../ops/gather-rows/op.ts";
import { writeRows } from "../ops/write-rows/op.ts";
import { createArray } from "../spec.ts";
import type { Tensor } from "../tensor.ts";
import type { RowBatch } from "./ragged.ts";

/** Handle of one sequence's rows in a cache. */
export type Slot = number;

/** Sequences with a length that can be opened, copied, cut and closed. */
export interface Slots extends Disposable {
  /** Takes a free slot of length 0; throws where none is left. */
  open(): Slot;
  /** A new slot with the same rows. */
  fork(slot: Slot): Slot;
  /** Forgets the rows from `length` on. */
  truncate(slot: Slot, length: number): void;
  /** Returns the slot. */
  close(slot: Slot): void;
  length(slot: Slot): number;
}

/** Extents of a row cache: `widths` are those of its matrices, each [slotCount·capacity, width]. */
export interface RowCacheOptions {
  readonly slotCount: number;
  readonly capacity: number;
  readonly widths: readonly number[];
}

/** A slot operation that cannot be: unknown slot, no slot or no room left, rows out of order. */
export class SlotError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "SlotError";
  }
}

/** Rows of several matrices under one slot table. */
export interface RowCache extends Slots {
  readonly slotCount: number;
  readonly capacity: number;
  /** Checks that each slot's rows of the batch continue it without a gap, then lengthens the slots. */
  extend(batch: RowBatch): void;
  /** Writes rows [N, width] of the batch, which must not change afterwards, into matrix `index`. */
  write(index: number, rows: Tensor, batch: RowBatch): void;
  /** Matrix `index`, [slotCount·capacity, width]; valid until the next write. */
  matrix(index: number): Tensor;
  /** Key ranges of the batch's entries: rows up to and including each entry's own, at most `window`; [2·N]. */
  ranges(batch: RowBatch, window?: number): Uint32Array;
}

/** Creates a cache; its memory is allocated here and does not grow. */
export function createRowCache(device: Device, options: RowCacheOptions): RowCache {
  return new FixedRowCache(device, options);
}

class FixedRowCache implements RowCache {
  readonly slotCount: number;
  readonly capacity: number;
  readonly #device: Device;
  readonly #matrices: Tensor[];
  readonly #lengths = new Map<Slot, number>();
  readonly #free: Slot[];
  /** Rows of the batch last written, on the device: every matrix of a cache is written with the same. */
  #written: { readonly batch: RowBatch; readonly rows: Tensor } | null = null;
  constructor(device: Device, { slotCount, capacity, widths }: RowCacheOptions) {
    this.slotCount = slotCount;
    this.capacity = capacity;
    this.#device = device;
    this.#free = Array.from({ length: slotCount }, (_, index) => slotCount - 1 - index);
    this.#matrices = [];
    try {
      for (const width of widths) {
        const zeros = createArray(device.floatDtype, slotCount * capacity * width);
        this.#matrices.push(device.keep(device.tensor(zeros, [slotCount * capacity, width])));
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }
  open(): Slot {
    const slot = this.#free.pop();
    if (slot === undefined) {
      throw new SlotError(
        `Cannot open a slot: all ${this.slotCount} are in use; close one, or create the cache with more`,
      );
    }
    this.#lengths.set(slot, 0);
    return slot;
  }
  length(slot: Slot): number {
    const length = this.#lengths.get(slot);
    if (length === undefined) throw new SlotError(`Cannot use slot ${slot}: it is not open`);
    return length;
  }
  fork(slot: Slot): Slot {
    const length = this.length(slot);
    const copy = this.open();
    try {
      if (length > 0) this.#copyRows(slot, copy, length);
    } catch (error) {
      this.close(copy);
      throw error;
    }
    this.#lengths.set(copy, length);
    return copy;
  }
  truncate(slot: Slot, length: number): void {
    const held = this.length(slot);
    if (!Number.isInteger(length) || length < 0 || length > held) {
      throw new SlotError(`Cannot truncate slot ${slot} to ${length}: it holds ${held} rows`);
    }
    this.#lengths.set(slot, length);
  }
  close(slot: Slot): void {
    this.length(slot);
    this.#lengths.delete(slot);
    this.#free.push(slot);
  }
  extend({ slots, positions }: RowBatch): void {
    const lengths = new Map<Slot, number>();
    for (const [entry, slot] of slots.entries()) {
      const length = lengths.get(slot) ?? this.length(slot);
      if (positions[entry] !== length) {
        throw new SlotError(
          `Cannot extend slot ${slot} at position ${positions[entry]}: its next position is ${length}`,
        );
      }
      if (length >= this.capacity) {
        throw new SlotError(
          `Cannot extend slot ${slot}: it holds ${length} of ${this.capacity} rows; create the cache with a larger capacity`,
        );
      }
      lengths.set(slot, length + 1);
    }
    for (const [slot, length] of lengths) this.#lengths.set(slot, length);
  }
  write(index: number, rows: Tensor, batch: RowBatch): void {
    this.#matrices[index] = writeRows(this.matrix(index), rows, this.#rowsOf(batch));
  }
  matrix(index: number): Tensor {
    const matrix = this.#matrices[index];
    if (matrix === undefined)
      throw new SlotError(`Cannot read matrix ${index}: this cache has ${this.#matrices.length}`);
    return matrix;
  }
  ranges({ slots, positions }: RowBatch, window: number = Number.POSITIVE_INFINITY): Uint32Array {
    const ranges = new Uint32Array(2 * slots.length);
    for (const [entry, slot] of slots.entries()) {
      const end = slot * this.capacity + positions[entry]! + 1;
      ranges[2 * entry] = end - Math.min(positions[entry]! + 1, window);
      ranges[2 * entry + 1] = end;
    }
    return ranges;
  }
  [Symbol.dispose](): void {
    for (const matrix of this.#matrices.splice(0)) matrix.dispose();
    this.#written?.rows.dispose();
    this.#written = null;
  }
  #rowsOf(batch: RowBatch): Tensor {
    if (this.#written?.batch === batch) return this.#written.rows;
    this.#written?.rows.dispose();
    this.#written = null;
    const at = Uint32Array.from(batch.slots, (slot, entry) => slot * this.capacity + batch.positions[entry]!);
    const rows = this.#device.keep(this.#device.tensor(at, [at.length]));
    this.#written = { batch, rows };
    return rows;
  }
  #copyRows(from: Slot, to: Slot, length: number): void {
    const rowsOf = (slot: Slot) => Uint32Array.from({ length }, (_, row) => slot * this.capacity + row);
    this.#device.scope(() => {
      const source = this.#device.tensor(rowsOf(from), [length]);
      const target = this.#device.tensor(rowsOf(to), [length]);
      for (const [index, matrix] of this.#matrices.entries())
        this.#matrices[index] = writeRows(matrix, gatherRows(matrix, source), target);
    });
  }
}
