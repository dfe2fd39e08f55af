// Which rows of a cache hold which positions of which sequence: pages with counted references, shared by forks until
// one of them writes. Knows numbers of rows only, no tensor.
import type { RowBatch } from "./ragged.ts";

/** Handle of one sequence's rows in a cache. */
export type Slot = number;

/** Handle of one full page of rows that somebody holds beside the slots. */
export type Page = number;

/** What stands in the way of a slot operation. */
export type SlotFact = "slot" | "slots" | "position" | "capacity" | "rows" | "chunk" | "window" | "page" | "matrix";

/** A slot operation that cannot be: unknown slot, no slot or no room left, rows out of order or gone. */
export class SlotError extends Error {
  override readonly name: string = "SlotError";
  /** What stands in the way. */
  readonly fact: SlotFact;
  constructor(message: string, fact: SlotFact = "slot") {
    super(message);
    this.fact = fact;
  }
}

/** Extents of a page table. */
export interface PageTableOptions {
  /** The most slots open at once. */
  readonly slotCount: number;
  /** The most positions of one slot. */
  readonly capacity: number;
  /** Rows of a page, 16 by default; never more than the capacity. */
  readonly pageSize?: number | undefined;
  /**
   * How many rows a position sees, itself included; no limit by default. A slot keeps its last window + chunkSize − 1
   * rows, rounded up to pages, however long it grows: it can be cut by chunkSize rows.
   */
  readonly window?: number | undefined;
  /** With a window, the most rows of one slot in one batch; the capacity by default. */
  readonly chunkSize?: number | undefined;
  /** Rows beside those of the slots, for pages that are held; 0 by default. */
  readonly spareRows?: number | undefined;
}

/** Rows to be copied before a batch is written: to[i] becomes what from[i] is. */
export interface RowCopies {
  readonly from: Uint32Array;
  readonly to: Uint32Array;
}

interface SlotState {
  /** Pages of the kept positions, the first of which is page `firstPage` of the sequence. */
  readonly pages: Page[];
  firstPage: number;
  length: number;
}

/** A stretch of positions whose rows follow each other: position p lies in row p + shift. */
interface Run {
  readonly start: number;
  end: number;
  readonly shift: number;
}

const defaultPageSize = 16;

/** Slots of paged rows. Every slot can be filled, whatever the others hold. */
export class PageTable {
  readonly slotCount: number;
  readonly capacity: number;
  readonly pageSize: number;
  readonly window: number;
  readonly chunkSize: number;
  /** Rows of all pages. */
  readonly rowCount: number;
  readonly #pagesPerSlot: number;
  /** How many slots and holders share each page. */
  readonly #references: Uint32Array;
  readonly #slots = new Map<Slot, SlotState>();
  readonly #freeSlots: Slot[];
  #freePageCount: number;

  constructor(options: PageTableOptions) {
    const { slotCount, capacity, window = Number.POSITIVE_INFINITY, chunkSize = capacity, spareRows = 0 } = options;
    this.slotCount = slotCount;
    this.capacity = capacity;
    this.pageSize = Math.max(1, Math.min(options.pageSize ?? defaultPageSize, capacity));
    this.window = window;
    this.chunkSize = window < capacity ? Math.min(chunkSize, capacity) : capacity;
    const pagesOf = (rowCount: number) => Math.ceil(rowCount / this.pageSize);
    // Rows that begin anywhere in a page touch one page more than the rest of them fills.
    this.#pagesPerSlot = Math.min(pagesOf(capacity), pagesOf(window + this.chunkSize - 2) + 1);
    const pageCount = slotCount * this.#pagesPerSlot + pagesOf(spareRows);
    this.rowCount = pageCount * this.pageSize;
    this.#references = new Uint32Array(pageCount);
    this.#freePageCount = pageCount;
    this.#freeSlots = Array.from({ length: slotCount }, (_, index) => slotCount - 1 - index);
  }

  /** Rows in pages that neither a slot nor a holder has. */
  get freeRows(): number {
    return this.#freePageCount * this.pageSize;
  }

  open(): Slot {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) {
      throw new SlotError(
        `Cannot open a slot: all ${this.slotCount} are in use; close one, or create the cache with more`,
        "slots",
      );
    }
    this.#slots.set(slot, { pages: [], firstPage: 0, length: 0 });
    return slot;
  }

  length(slot: Slot): number {
    return this.#stateOf(slot).length;
  }

  /** A new slot that shares all pages. */
  fork(slot: Slot): Slot {
    const { pages, firstPage, length } = this.#stateOf(slot);
    const copy = this.open();
    for (const page of pages) this.#retain(page);
    this.#slots.set(copy, { pages: [...pages], firstPage, length });
    return copy;
  }

  truncate(slot: Slot, length: number): void {
    const state = this.#stateOf(slot);
    if (!Number.isInteger(length) || length < 0 || length > state.length) {
      throw new SlotError(`Cannot truncate slot ${slot} to ${length}: it holds ${state.length} rows`, "position");
    }
    const firstKept = state.firstPage * this.pageSize;
    if (length > 0 && firstKept > Math.max(0, length + 1 - this.window)) {
      throw new SlotError(
        `Cannot truncate slot ${slot} to ${length}: of its ${state.length} rows, rows before ${firstKept} left the window of ${this.window} and are gone; keep at least ${firstKept + this.window - 1}, or open a slot and feed it anew`,
        "window",
      );
    }
    if (length === 0) state.firstPage = 0;
    const kept = Math.ceil(length / this.pageSize) - state.firstPage;
    for (const page of state.pages.splice(Math.max(0, kept))) this.release(page);
    state.length = length;
  }

  close(slot: Slot): void {
    for (const page of this.#stateOf(slot).pages) this.release(page);
    this.#slots.delete(slot);
    this.#freeSlots.push(slot);
  }

  /**
   * Lengthens the slots by the rows of the batch and gives them pages of their own to write: what is shared of a page
   * that is begun must be copied. Where it throws, no slot has become longer.
   */
  extend({ slots, positions }: RowBatch): RowCopies {
    const counts = new Map<Slot, number>();
    for (const [entry, slot] of slots.entries()) {
      const count = counts.get(slot) ?? 0;
      this.#checkNext(slot, positions[entry]!, count);
      counts.set(slot, count + 1);
    }
    let needed = 0;
    // Of the slots that share a page that is begun, the last to write keeps it where nobody else holds it.
    const sharers = new Map<Page, number>();
    for (const [slot, count] of counts) {
      const state = this.#stateOf(slot);
      this.#forget(state, count);
      needed += Math.ceil((state.length + count) / this.pageSize) - Math.ceil(state.length / this.pageSize);
      if (!this.#sharesLast(state)) continue;
      const page = state.pages.at(-1)!;
      const left = sharers.get(page) ?? this.#references[page]!;
      if (left > 1) needed++;
      sharers.set(page, left - 1);
    }
    if (needed > this.#freePageCount) {
      throw new SlotError(
        `Cannot extend ${counts.size} slots: they need ${needed} pages of ${this.pageSize} rows and ${this.#freePageCount} are free; release held pages, or create the cache with more spare rows`,
        "rows",
      );
    }
    const from: number[] = [];
    const to: number[] = [];
    for (const [slot, count] of counts) this.#grow(slot, count, from, to);
    return { from: Uint32Array.from(from), to: Uint32Array.from(to) };
  }

  /** Row of each entry of the batch, [N]. */
  rows({ slots, positions }: RowBatch): Uint32Array {
    return Uint32Array.from(slots, (slot, entry) => {
      const { pages, firstPage } = this.#stateOf(slot);
      const position = positions[entry]!;
      return pages[Math.floor(position / this.pageSize) - firstPage]! * this.pageSize + (position % this.pageSize);
    });
  }

  /** Rows of pages, one page after the other. */
  rowsOf(pages: readonly Page[]): Uint32Array {
    return Uint32Array.from({ length: pages.length * this.pageSize }, (_, row) => {
      return pages[Math.floor(row / this.pageSize)]! * this.pageSize + (row % this.pageSize);
    });
  }

  /**
   * Ranges of rows that each entry sees, from the oldest position to its own: at most `window`; [N, 2·R], where R is
   * the number of ranges of the entry with the most and the others end in empty ones.
   */
  ranges({ slots, positions }: RowBatch, window: number = this.window): Uint32Array {
    if (window > this.window) {
      throw new SlotError(
        `Cannot give ranges of a window of ${window}: this cache keeps a window of ${this.window}; create it with the larger one`,
        "window",
      );
    }
    const runs = new Map<Slot, readonly Run[]>();
    const all = Array.from(slots, (slot, entry) => {
      let own = runs.get(slot);
      if (own === undefined) {
        own = this.#runsOf(slot);
        runs.set(slot, own);
      }
      return clip(own, Math.max(0, positions[entry]! + 1 - window), positions[entry]! + 1);
    });
    const width = all.reduce((most, { length }) => Math.max(most, length), 2);
    const ranges = new Uint32Array(all.length * width);
    for (const [entry, own] of all.entries()) ranges.set(own, entry * width);
    return ranges;
  }

  /** Keeps page `index` of a slot for the caller, who releases it; null where it is not full, or gone. */
  hold(slot: Slot, index: number): Page | null {
    const { pages, firstPage, length } = this.#stateOf(slot);
    const page = pages[index - firstPage];
    if (page === undefined || (index + 1) * this.pageSize > length) return null;
    this.#retain(page);
    return page;
  }

  /** Gives up one reference to a page. */
  release(page: Page): void {
    if ((this.#references[page] ?? 0) === 0) {
      throw new SlotError(`Cannot release page ${page}: nobody holds it`, "page");
    }
    this.#references[page]!--;
    if (this.#references[page] === 0) this.#freePageCount++;
  }

  /** Continues a slot, which must end with a page, by pages that are held; it shares them. */
  adopt(slot: Slot, pages: readonly Page[]): void {
    const state = this.#stateOf(slot);
    const length = state.length + pages.length * this.pageSize;
    const held = pages.every((page) => (this.#references[page] ?? 0) > 0);
    if (state.length % this.pageSize !== 0 || length > this.capacity || !held) {
      throw new SlotError(
        `Cannot continue slot ${slot} by ${pages.length} pages: it holds ${state.length} of ${this.capacity} rows; it must end with a page of ${this.pageSize}, have room, and the pages must be held`,
        "page",
      );
    }
    for (const page of pages) this.#retain(page);
    state.pages.push(...pages);
    state.length = length;
    this.#forget(state, 0);
  }

  #stateOf(slot: Slot): SlotState {
    const state = this.#slots.get(slot);
    if (state === undefined) throw new SlotError(`Cannot use slot ${slot}: it is not open`);
    return state;
  }

  #checkNext(slot: Slot, position: number, count: number): void {
    const length = this.length(slot) + count;
    if (position !== length) {
      throw new SlotError(
        `Cannot extend slot ${slot} at position ${position}: its next position is ${length}`,
        "position",
      );
    }
    if (length >= this.capacity) {
      throw new SlotError(
        `Cannot extend slot ${slot}: it holds ${length} of ${this.capacity} rows; create the cache with a larger capacity`,
        "capacity",
      );
    }
    if (count >= this.chunkSize) {
      throw new SlotError(
        `Cannot extend slot ${slot} by more than ${this.chunkSize} rows at once: its cache keeps a window of ${this.window}; feed it in chunks, or create the cache with a larger chunk size`,
        "chunk",
      );
    }
  }

  /** Gives up pages that are not among the rows kept once `count` more are there; none of these sees them. */
  #forget(state: SlotState, count: number): void {
    const firstKept = Math.max(0, state.length + count - (this.window + this.chunkSize - 1));
    const firstPage = Math.floor(firstKept / this.pageSize);
    for (const page of state.pages.splice(0, Math.max(0, firstPage - state.firstPage))) this.release(page);
    state.firstPage = Math.max(state.firstPage, firstPage);
  }

  #sharesLast({ pages, length }: SlotState): boolean {
    return length % this.pageSize !== 0 && this.#references[pages.at(-1)!]! > 1;
  }

  #grow(slot: Slot, count: number, from: number[], to: number[]): void {
    const state = this.#stateOf(slot);
    const { pages, firstPage, length } = state;
    if (this.#sharesLast(state)) {
      const shared = pages.pop()!;
      const own = this.#take(slot, firstPage + pages.length, pages.at(-1));
      pages.push(own);
      for (let row = 0; row < length % this.pageSize; row++) {
        from.push(shared * this.pageSize + row);
        to.push(own * this.pageSize + row);
      }
      this.release(shared);
    }
    state.length = length + count;
    const pageCount = Math.ceil(state.length / this.pageSize) - firstPage;
    while (pages.length < pageCount) pages.push(this.#take(slot, firstPage + pages.length, pages.at(-1)));
  }

  /**
   * A free page for page `index` of a slot. Each slot has a stretch of its own, so that its rows follow each other as
   * long as nobody else holds pages there; else the page after the former one, else any.
   */
  #take(slot: Slot, index: number, former: Page | undefined): Page {
    const home = slot * this.#pagesPerSlot + (index % this.#pagesPerSlot);
    const isFree = (page: number) => this.#references[page] === 0;
    let page = home;
    if (!isFree(page)) {
      page = former !== undefined && isFree(former + 1) ? former + 1 : this.#references.indexOf(0);
    }
    this.#retain(page);
    return page;
  }

  #retain(page: Page): void {
    if (this.#references[page] === 0) this.#freePageCount--;
    this.#references[page]!++;
  }

  #runsOf(slot: Slot): readonly Run[] {
    const { pages, firstPage } = this.#stateOf(slot);
    const runs: Run[] = [];
    for (const [index, page] of pages.entries()) {
      const start = (firstPage + index) * this.pageSize;
      const shift = page * this.pageSize - start;
      const last = runs.at(-1);
      if (last?.shift === shift) last.end = start + this.pageSize;
      else runs.push({ start, end: start + this.pageSize, shift });
    }
    return runs;
  }
}

/** Rows of positions start to end as pairs. */
function clip(runs: readonly Run[], start: number, end: number): number[] {
  const pairs: number[] = [];
  for (const run of runs) {
    if (run.end <= start || run.start >= end) continue;
    pairs.push(Math.max(run.start, start) + run.shift, Math.min(run.end, end) + run.shift);
  }
  return pairs;
}
