// The page table against lists of what was written: forks, cuts, windows, held pages; which rows overlap, what is free.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PageTable, type PageTableOptions, SlotError } from "./page-table.ts";

const command = fc.oneof(
  fc.record({ kind: fc.constant("open" as const) }),
  fc.record({ kind: fc.constant("extend" as const), which: fc.nat(7), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant("extend" as const), which: fc.nat(7), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant("fork" as const), which: fc.nat(7) }),
  fc.record({ kind: fc.constant("truncate" as const), which: fc.nat(7), keep: fc.nat(9) }),
  fc.record({ kind: fc.constant("hold" as const), which: fc.nat(7) }),
  fc.record({ kind: fc.constant("adopt" as const), which: fc.nat(7) }),
  fc.record({ kind: fc.constant("release" as const), which: fc.nat(7) }),
  fc.record({ kind: fc.constant("close" as const), which: fc.nat(7) }),
);

/** A table over rows of plain numbers, as whoever keeps the matrices treats it. */
class Rows {
  readonly table: PageTable;
  readonly #rows: number[];
  #next = 1;
  constructor(options: PageTableOptions) {
    this.table = new PageTable(options);
    this.#rows = new Array<number>(this.table.rowCount).fill(0);
  }
  /** Extends one slot and writes fresh numbers, which come back. */
  extend(slot: number, count: number): number[] {
    const from = this.table.length(slot);
    const batch = {
      slots: new Uint32Array(count).fill(slot),
      positions: Uint32Array.from({ length: count }, (_, index) => from + index),
    };
    const copies = this.table.extend(batch);
    const copied = Array.from(copies.from, (row) => this.#rows[row]!);
    for (const [index, row] of copies.to.entries()) this.#rows[row] = copied[index]!;
    return Array.from(this.table.rows(batch), (row) => {
      this.#rows[row] = this.#next++;
      return this.#rows[row]!;
    });
  }
  /** What position `position` of a slot sees, through its ranges. */
  seen(slot: number, position: number): { readonly values: number[]; readonly rangeCount: number } {
    const ranges = this.table.ranges({ slots: Uint32Array.of(slot), positions: Uint32Array.of(position) });
    const values: number[] = [];
    for (let at = 0; at < ranges.length; at += 2) values.push(...this.#rows.slice(ranges[at], ranges[at + 1]));
    return { values, rangeCount: ranges.length / 2 };
  }
  rowsOf(pages: readonly number[]): number[] {
    return Array.from(this.table.rowsOf(pages), (row) => this.#rows[row]!);
  }
}

describe("PageTable", () => {
  for (const window of [Number.POSITIVE_INFINITY, 4]) {
    it(`behaves like lists of rows, with a window of ${window}`, () => {
      const property = fc.property(
        fc.array(command, { maxLength: 60, size: "max" }),
        fc.constantFrom(1, 2, 3),
        (commands, pageSize) => {
          const [slotCount, capacity, chunkSize] = [3, window === 4 ? 40 : 12, window === 4 ? 4 : 12];
          const rows = new Rows({ slotCount, capacity, pageSize, window, chunkSize, spareRows: 2 * pageSize });
          const { table } = rows;
          const model = new Map<number, number[]>();
          const longest = new Map<number, number>();
          const held: { readonly page: number; readonly values: readonly number[] }[] = [];
          for (const step of commands) {
            if (step.kind === "open") {
              if (model.size === slotCount) expect(() => table.open()).toThrow("all 3 are in use");
              else model.set(table.open(), []);
              continue;
            }
            if (step.kind === "release") {
              const [gone] = held.splice(step.which % Math.max(1, held.length), 1);
              if (gone !== undefined) table.release(gone.page);
              continue;
            }
            const slot = [...model.keys()][step.which % Math.max(1, model.size)];
            if (slot === undefined) continue;
            const own = model.get(slot)!;
            if (step.kind === "extend") {
              const fits = own.length + step.count <= capacity && step.count <= chunkSize;
              if (fits) {
                const from = own.length;
                own.push(...rows.extend(slot, step.count));
                // The first row of a batch looks back the furthest.
                expect(rows.seen(slot, from).values).toEqual(own.slice(Math.max(0, from + 1 - window), from + 1));
                longest.set(slot, Math.max(longest.get(slot) ?? 0, own.length));
              } else expect(() => rows.extend(slot, step.count)).toThrow(SlotError);
            } else if (step.kind === "fork") {
              if (model.size === slotCount) expect(() => table.fork(slot)).toThrow(SlotError);
              else {
                const fork = table.fork(slot);
                model.set(fork, [...own]);
                longest.set(fork, longest.get(slot) ?? 0);
              }
            } else if (step.kind === "truncate") {
              const keep = Math.max(0, own.length - step.keep);
              try {
                table.truncate(slot, keep);
                own.length = keep;
                if (keep === 0) longest.set(slot, 0);
              } catch (error) {
                expect(error).toMatchObject({ name: "SlotError", fact: "window" });
                expect(keep).toBeGreaterThan(0);
                expect(keep).toBeLessThan((longest.get(slot) ?? 0) - chunkSize);
              }
            } else if (step.kind === "hold" && held.length < 2) {
              const index = Math.floor(own.length / pageSize) - 1;
              const page = table.hold(slot, index);
              expect(table.hold(slot, index + 1)).toBeNull();
              if (page !== null) held.push({ page, values: own.slice(index * pageSize, (index + 1) * pageSize) });
              else expect(index * pageSize).toBeLessThan(Math.max(0, own.length - window));
            } else if (step.kind === "adopt" && held.length > 0) {
              const { page, values } = held[step.which % held.length]!;
              if (own.length % pageSize !== 0 || own.length + pageSize > capacity) {
                expect(() => table.adopt(slot, [page])).toThrow(SlotError);
              } else {
                table.adopt(slot, [page]);
                own.push(...values);
                longest.set(slot, Math.max(longest.get(slot) ?? 0, own.length));
              }
            } else if (step.kind === "close") {
              table.close(slot);
              model.delete(slot);
              longest.delete(slot);
            }
          }
          for (const { page, values } of held) expect(rows.rowsOf([page])).toEqual(values);
          for (const [slot, own] of model) {
            expect(table.length(slot)).toBe(own.length);
            // A position after a cut sees what was before it; the one before the cut may not any more.
            if (own.length < capacity) own.push(...rows.extend(slot, 1));
            const first = Math.max(0, own.length - window);
            expect(rows.seen(slot, own.length - 1).values).toEqual(own.slice(first));
          }
          for (const slot of model.keys()) table.close(slot);
          for (const { page } of held) table.release(page);
          expect(table.freeRows).toBe(table.rowCount);
        },
      );
      fc.assert(property, { seed: 31, numRuns: 200 });
    });
  }

  it("keeps a prefix once, however many slots share it, and copies only what is begun of a page", () => {
    const rows = new Rows({ slotCount: 5, capacity: 40, pageSize: 4 });
    const { table } = rows;
    const parent = table.open();
    const prefix = rows.extend(parent, 30);
    const used = () => table.rowCount - table.freeRows;
    expect(used()).toBe(32);
    const forks = [1, 2, 3, 4].map(() => table.fork(parent));
    expect(used()).toBe(32);
    const own = forks.map((slot) => rows.extend(slot, 1));
    expect(used()).toBe(32 + 4 * 4);
    for (const [index, slot] of forks.entries())
      expect(rows.seen(slot, 30).values).toEqual([...prefix, ...own[index]!]);
    table.close(parent);
    for (const slot of forks) table.close(slot);
    expect(used()).toBe(0);
  });

  it("has room for all slots where forks and their parents go on in one batch", () => {
    const rows = new Rows({ slotCount: 2, capacity: 12, pageSize: 12 });
    const { table } = rows;
    const parent = table.open();
    rows.extend(parent, 5);
    const fork = table.fork(parent);
    const copies = table.extend({ slots: Uint32Array.of(parent, fork), positions: Uint32Array.of(5, 5) });
    expect([copies.from.length, table.freeRows]).toEqual([5, 0]);
  });

  it("takes no more rows than window + chunk − 1, rounded up to pages, however long a slot grows", () => {
    const [window, chunkSize, pageSize] = [10, 3, 4];
    const rows = new Rows({ slotCount: 1, capacity: 1e6, pageSize, window, chunkSize });
    const { table } = rows;
    expect(table.rowCount).toBe(16);
    const slot = table.open();
    const written: number[] = [];
    for (let round = 0; round < 400; round++) written.push(...rows.extend(slot, 1 + (round % 3)));
    expect(rows.seen(slot, written.length - 1)).toEqual({
      values: written.slice(-window),
      rangeCount: expect.any(Number),
    });
    expect(rows.seen(slot, written.length - 1).rangeCount).toBeLessThanOrEqual(2);
    expect(written.length).toBe(799);
    expect(() => table.truncate(slot, 5)).toThrow(
      "of its 799 rows, rows before 784 left the window of 10 and are gone; keep at least 793, or open a slot and feed it anew",
    );
    expect(() => rows.extend(slot, 4)).toThrow("by more than 3 rows at once");
    expect(() => table.ranges({ slots: Uint32Array.of(slot), positions: Uint32Array.of(798) }, 11)).toThrow(
      "this cache keeps a window of 10",
    );
    table.truncate(slot, 0);
    expect(table.freeRows).toBe(table.rowCount);
    expect(rows.extend(slot, 2)).toEqual(rows.seen(slot, 1).values);
  });

  it("gives one range a query where slots are filled side by side, and forks go on at home", () => {
    const rows = new Rows({ slotCount: 2, capacity: 64, pageSize: 4 });
    const { table } = rows;
    const slots = [table.open(), table.open()];
    for (let position = 0; position < 64; position++) {
      for (const slot of slots) rows.extend(slot, 1);
    }
    for (const slot of slots) expect(rows.seen(slot, 63).rangeCount).toBe(1);
    table.close(slots[1]!);
    const fork = table.fork(slots[0]!);
    table.truncate(fork, 30);
    rows.extend(fork, 20);
    expect(rows.seen(fork, 49).rangeCount).toBe(2);
  });

  it("says how many pages are missing where held pages take those of the slots", () => {
    const rows = new Rows({ slotCount: 1, capacity: 8, pageSize: 4 });
    const { table } = rows;
    const slot = table.open();
    rows.extend(slot, 8);
    const page = table.hold(slot, 1)!;
    table.close(slot);
    const next = table.open();
    expect(() => rows.extend(next, 8)).toThrow("they need 2 pages of 4 rows and 1 are free");
    expect(table.length(next)).toBe(0);
    table.release(page);
    expect(() => table.release(page)).toThrow("nobody holds it");
    expect(rows.extend(next, 8).length).toBe(8);
    expect(table.hold(next, 2)).toBeNull();
    expect(() => table.close(7)).toThrow("it is not open");
  });
});
