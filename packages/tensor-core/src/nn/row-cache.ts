// Slots of cached rows in pages, allocated once: forks share what they have in common. Serves keys, values and gate
// histories alike; knows neither what the rows mean nor who reads them.
import type { Device } from "../device.ts";
import { gatherRows } from "../ops/gather-rows/op.ts";
import { writeRows } from "../ops/write-rows/op.ts";
import { createArray } from "../spec.ts";
import type { Tensor } from "../tensor.ts";
import { type Page, PageTable, type PageTableOptions, type Slot, SlotError } from "./page-table.ts";
import type { RowBatch } from "./ragged.ts";

/** Sequences with a length that can be opened, copied, cut and closed. */
export interface Slots extends Disposable {
  /** Takes a free slot of length 0; throws where none is left. */
  open(): Slot;
  /** A new slot with the same rows, which goes its own way. */
  fork(slot: Slot): Slot;
  /** Forgets the rows from `length` on; throws where a window has let go of rows that the next one needs. */
  truncate(slot: Slot, length: number): void;
  /** Returns the slot. */
  close(slot: Slot): void;
  length(slot: Slot): number;
}

/** Extents of a row cache: `widths` are those of its matrices, each [rowCount, width]. */
export interface RowCacheOptions extends PageTableOptions {
  readonly widths: readonly number[];
}

/** Rows of several matrices under one slot table. */
export interface RowCache extends Slots {
  readonly slotCount: number;
  readonly capacity: number;
  /** How many rows an entry sees, itself included. */
  readonly window: number;
  /** The most rows of one slot in one batch. */
  readonly chunkSize: number;
  /** Rows of one page: forks and holders share whole pages, and what is begun of one is copied when it is written. */
  readonly pageSize: number;
  /** Rows of each matrix. */
  readonly rowCount: number;
  /** Rows in pages that neither a slot nor a holder has. */
  readonly freeRows: number;
  /**
   * Checks that each slot's rows of the batch continue it without a gap, then lengthens the slots.
   *
   * @throws SlotError where a row is out of order or there is no room; no slot is longer then
   */
  extend(batch: RowBatch): void;
  /** Writes rows [N, width] of the batch, which must not change before the next `extend`, into matrix `index`. */
  write(index: number, rows: Tensor, batch: RowBatch): void;
  /** Matrix `index`, [rowCount, width]; valid until the next write. */
  matrix(index: number): Tensor;
  /** The row of each entry of the batch in the matrices, [N]. */
  rows(batch: RowBatch): Uint32Array;
  /**
   * Key ranges of the batch's entries for `attention`: rows up to and including each entry's own, at most `window`;
   * [N, 2·R] with R = 1 where every slot's rows follow each other.
   */
  ranges(batch: RowBatch, window?: number): Uint32Array;
  /**
   * Keeps page `index` of a slot, rows from index·pageSize on, beyond the slot's life; the caller releases it. Null
   * where the page is not full, or a window has let go of it.
   */
  hold(slot: Slot, index: number): Page | null;
  /** Gives up a page that was held. */
  release(page: Page): void;
  /** Continues a slot, which must end with a page, by pages that are held; it shares their rows. */
  adopt(slot: Slot, pages: readonly Page[]): void;
  /** The rows of pages in the matrices, one page after the other. */
  rowsOf(pages: readonly Page[]): Uint32Array;
}

/** Creates a cache; its memory is allocated here and does not grow. */
export function createRowCache(device: Device, options: RowCacheOptions): RowCache {
  return new PagedRowCache(device, options);
}

class PagedRowCache implements RowCache {
  readonly #device: Device;
  readonly #table: PageTable;
  readonly #matrices: Tensor[] = [];
  /** Rows of the batch last written, on the device: every matrix of a cache is written with the same. */
  #written: { readonly batch: RowBatch; readonly rows: Tensor } | null = null;

  constructor(device: Device, { widths, ...extents }: RowCacheOptions) {
    this.#device = device;
    this.#table = new PageTable(extents);
    const { rowCount } = this.#table;
    try {
      for (const width of widths) {
        const zeros = createArray(device.floatDtype, rowCount * width);
        this.#matrices.push(device.keep(device.tensor(zeros, [rowCount, width])));
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }
  get slotCount(): number {
    return this.#table.slotCount;
  }
  get capacity(): number {
    return this.#table.capacity;
  }
  get window(): number {
    return this.#table.window;
  }
  get chunkSize(): number {
    return this.#table.chunkSize;
  }
  get pageSize(): number {
    return this.#table.pageSize;
  }
  get rowCount(): number {
    return this.#table.rowCount;
  }
  get freeRows(): number {
    return this.#table.freeRows;
  }
  open(): Slot {
    return this.#table.open();
  }
  length(slot: Slot): number {
    return this.#table.length(slot);
  }
  fork(slot: Slot): Slot {
    return this.#table.fork(slot);
  }
  truncate(slot: Slot, length: number): void {
    this.#table.truncate(slot, length);
  }
  close(slot: Slot): void {
    this.#table.close(slot);
  }
  hold(slot: Slot, index: number): Page | null {
    return this.#table.hold(slot, index);
  }
  release(page: Page): void {
    this.#table.release(page);
  }
  adopt(slot: Slot, pages: readonly Page[]): void {
    this.#table.adopt(slot, pages);
  }
  rowsOf(pages: readonly Page[]): Uint32Array {
    return this.#table.rowsOf(pages);
  }
  extend(batch: RowBatch): void {
    // Whoever makes many steps may fill one batch anew for each.
    this.#forgetWritten();
    this.#device.host(() => {
      const { from, to } = this.#table.extend(batch);
      if (from.length > 0) this.#copyRows(from, to);
    });
  }
  write(index: number, rows: Tensor, batch: RowBatch): void {
    this.#matrices[index] = writeRows(this.matrix(index), rows, this.#rowTensor(batch));
  }
  matrix(index: number): Tensor {
    const matrix = this.#matrices[index];
    if (matrix === undefined) {
      throw new SlotError(`Cannot read matrix ${index}: this cache has ${this.#matrices.length}`, "matrix");
    }
    return matrix;
  }
  rows(batch: RowBatch): Uint32Array {
    return this.#table.rows(batch);
  }
  ranges(batch: RowBatch, window?: number): Uint32Array {
    return this.#table.ranges(batch, window);
  }
  [Symbol.dispose](): void {
    for (const matrix of this.#matrices.splice(0)) matrix.dispose();
    this.#forgetWritten();
  }
  #rowTensor(batch: RowBatch): Tensor {
    if (this.#written?.batch === batch) return this.#written.rows;
    this.#forgetWritten();
    this.#written = { batch, rows: this.#device.keep(this.#device.tensor(() => this.#table.rows(batch), [-1])) };
    return this.#written.rows;
  }
  #forgetWritten(): void {
    this.#written?.rows.dispose();
    this.#written = null;
  }
  #copyRows(from: Uint32Array, to: Uint32Array): void {
    this.#device.scope(() => {
      const source = this.#device.tensor(from, [from.length]);
      const target = this.#device.tensor(to, [to.length]);
      for (const [index, matrix] of this.#matrices.entries()) {
        this.#matrices[index] = writeRows(matrix, gatherRows(matrix, source), target);
      }
    });
  }
}
