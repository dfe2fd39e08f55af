// What every causal reader keeps: no look into the future, the same of the rows asked for alone, agreement of its two
// views, and histories that can be forked and cut. Knows no particular reader.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Device } from "../device.ts";
import type { CausalReader } from "../nn/causal-reader.ts";
import { segmentsOf } from "../nn/ragged.ts";
import type { RowCache } from "../nn/row-cache.ts";
import { createRandom } from "../random.ts";
import { Recordings } from "../recordings.ts";
import { checkClose } from "./approx.ts";
import { sharedDevice, testDeviceNames } from "./devices.ts";

/** A reader to be examined. */
export interface CausalReaderCase {
  /** The reader with parameters drawn from a seed, away from where training starts. */
  readonly create: (device: Device, seed: number) => CausalReader;
  /** D, the width of the hidden states it expects. */
  readonly hiddenSize: number;
  /** The largest difference allowed, relative; defaults to 2e-5. */
  readonly tolerance?: number | undefined;
}

const runs = { seed: 20250111, numRuns: 5 };
const lengthsOf = fc.array(fc.constantFrom(1, 2, 3, 7, 19), { minLength: 1, maxLength: 3 });

interface Entry {
  readonly slot: number;
  readonly position: number;
  readonly row: number;
}

/** Runs the laws of one reader under vitest, on every device there is. */
export function causalReaderLaws(label: string, { create, hiddenSize, tolerance = 2e-5 }: CausalReaderCase): void {
  const check = (law: (seed: number, lengths: number[]) => Promise<void>) =>
    fc.assert(fc.asyncProperty(fc.nat(), lengthsOf, law), runs);
  const valuesOf = (seed: number, rowCount: number) => {
    const random = createRandom(seed, `${rowCount} rows`);
    return Float64Array.from({ length: rowCount * hiddenSize }, () => Math.fround(random.normal()));
  };
  /** What a reader says of whole segments: a row of numbers for each row asked for. */
  const read = async (
    device: Device,
    seed: number,
    values: Float64Array,
    lengths: readonly number[],
    rows?: Uint32Array,
  ) => {
    const shape = [values.length / hiddenSize, hiddenSize];
    const said = device.scope(() => create(device, seed).read(device.tensor(values, shape), segmentsOf(lengths), rows));
    return rowsOf(await said.read(), rows?.length ?? shape[0]!);
  };
  const extend = async (
    device: Device,
    seed: number,
    history: RowCache,
    values: Float64Array,
    entries: readonly Entry[],
    rows?: Uint32Array,
  ) => {
    const picked = entries.flatMap(({ row }) => [...values.subarray(row * hiddenSize, (row + 1) * hiddenSize)]);
    const batch = {
      slots: Uint32Array.from(entries, ({ slot }) => slot),
      positions: Uint32Array.from(entries, ({ position }) => position),
    };
    const said = device.scope(() =>
      create(device, seed).extend(device.tensor(picked, [entries.length, hiddenSize]), batch, history, rows),
    );
    return rowsOf(await said.read(), rows?.length ?? entries.length);
  };
  const checkRows = (what: string, actual: readonly number[][], expected: readonly number[][]) =>
    checkClose(what, actual.flat(), expected.flat(), tolerance);

  describe(`${label} keeps the laws of a causal reader (seed ${runs.seed})`, () => {
    for (const name of testDeviceNames) {
      it(`says of the rows asked for what it says of all, all finite, on ${name}`, async () => {
        const device = await sharedDevice(name);
        await check(async (seed, lengths) => {
          const rowCount = lengths.reduce((sum, length) => sum + length, 0);
          const values = valuesOf(seed, rowCount);
          const all = await read(device, seed, values, lengths);
          expect(all.flat().every(Number.isFinite)).toBe(true);
          const rows = createRandom(seed).permutation(rowCount).slice(0, 3);
          const some = await read(device, seed, values, lengths, rows);
          checkRows(
            "some rows",
            some,
            Array.from(rows, (row) => all[row]!),
          );
        });
      });

      it(`never sees a later row, nor another segment on ${name}`, async () => {
        const device = await sharedDevice(name);
        await check(async (seed, lengths) => {
          const [length, other] = [lengths[0]!, lengths.at(-1)!];
          const [former, later] = [valuesOf(seed, length), valuesOf(seed + 1, other)];
          const alone = await read(device, seed, former, [length]);
          const values = Float64Array.of(...former, ...later);
          for (const segments of [[length + other], [length, other]]) {
            checkRows("former rows", (await read(device, seed, values, segments)).slice(0, length), alone);
          }
          const apart = await read(device, seed, values, [length, other]);
          checkRows("the second segment", apart.slice(length), await read(device, seed, later, [other]));
        });
      });

      it(`extends row by row, in pieces and in mixed batches to what it reads of whole segments on ${name}`, async () => {
        const device = await sharedDevice(name);
        await check(async (seed, lengths) => {
          const { offsets } = segmentsOf(lengths);
          const values = valuesOf(seed, offsets.at(-1)!);
          const expected = await read(device, seed, values, lengths);
          using history = create(device, seed).createHistory(device, { slotCount: lengths.length + 1, capacity: 40 });
          const slots = lengths.map(() => history.open());
          const random = createRandom(seed, "pieces");
          const seen = lengths.map(() => 0);
          while (seen.some((count, segment) => count < lengths[segment]!)) {
            const entries = lengths.flatMap((length, segment) => {
              const count = Math.min(random.integer(4), length - seen[segment]!);
              const positions = Array.from({ length: count }, (_, index) => seen[segment]! + index);
              seen[segment] = seen[segment]! + count;
              return positions.map((position) => ({
                slot: slots[segment]!,
                position,
                row: offsets[segment]! + position,
              }));
            });
            if (entries.length === 0) continue;
            // Of all rows, or of some in any order.
            const rows = random.permutation(entries.length).slice(random.integer(entries.length + 1));
            const asked = random.integer(2) === 0 || rows.length === 0 ? undefined : rows;
            checkRows(
              "extended rows",
              await extend(device, seed, history, values, entries, asked),
              Array.from(asked ?? entries.keys(), (at) => expected[entries[at]!.row]!),
            );
          }
          expect(slots.map((slot) => history.length(slot))).toEqual(lengths);
        });
      });

      it(`extends rows the same when that is recorded, with arrays that are filled anew on ${name}`, async () => {
        const device = await sharedDevice(name);
        await check(async (seed, lengths) => {
          const rowCount = Math.max(3, lengths[0]!);
          const values = valuesOf(seed, rowCount);
          const expected = await read(device, seed, values, [rowCount]);
          using history = create(device, seed).createHistory(device, { slotCount: 2, capacity: 40 });
          using recordings = new Recordings(device);
          history.open();
          const batch = { slots: Uint32Array.of(history.open()), positions: new Uint32Array(1) };
          const hidden = new Float64Array(hiddenSize);
          for (let row = 0; row < rowCount; row++) {
            batch.positions[0] = row;
            hidden.set(values.subarray(row * hiddenSize, (row + 1) * hiddenSize));
            using said = recordings.run("step", [], () =>
              create(device, seed).extend(
                device.tensor(() => hidden, [1, hiddenSize]),
                batch,
                history,
              ),
            );
            checkRows(`row ${row}`, rowsOf(await said.read(), 1), [expected[row]!]);
          }
          expect(recordings.count).toBe(1);
        });
      });

      it(`goes on alike after fork and truncate, without touching the original on ${name}`, async () => {
        const device = await sharedDevice(name);
        await check(async (seed) => {
          // The fork shares a page that is begun, or full, or begun by its first own row: pages have 16 rows.
          const shared = [3, 15, 16, 17][seed % 4]!;
          const values = valuesOf(seed, shared + 4);
          using history = create(device, seed).createHistory(device, { slotCount: 2, capacity: 40 });
          const one = (slot: number, position: number, row: number) =>
            extend(device, seed, history, values, [{ slot, position, row }]);
          const original = history.open();
          for (let row = 0; row < shared; row++) await one(original, row, row);
          const copy = history.fork(original);
          const continued = await one(original, shared, shared);
          // Another row at the same place of the copy must not be seen by the original, nor after truncation.
          await one(copy, shared, shared + 2);
          await one(copy, shared + 1, shared + 3);
          const after = await one(original, shared + 1, shared + 1);
          history.truncate(copy, shared);
          checkRows("the fork", await one(copy, shared, shared), continued);
          checkRows("the fork's next", await one(copy, shared + 1, shared + 1), after);
          history.close(copy);
          expect(history.length(original)).toBe(shared + 2);
        });
      });
    }
  });
}

function rowsOf(values: ArrayLike<number>, rowCount: number): number[][] {
  const width = values.length / rowCount;
  return Array.from({ length: rowCount }, (_, row) =>
    Array.from({ length: width }, (_, at) => values[row * width + at]!),
  );
}
