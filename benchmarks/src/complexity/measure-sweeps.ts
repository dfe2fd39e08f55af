// Runs the sweeps on a device: times of every point, interleaved within a sweep. Knows no fit and no document.
import type { Device } from "@dual-head/tensor-core";
import { measure, samplesOf } from "../harness.ts";
import { type Point, pointOf, type Sweep, sweeps, type Work } from "./sweeps.ts";

/** Work as measured. */
export interface MeasuredWork {
  /** Milliseconds, one a round; the rounds of a sweep belong together. */
  readonly milliseconds: readonly number[];
  /** Bytes on the device that the work holds: weights, caches and inputs. */
  readonly bytes: number;
  /** Bytes of the gate's history alone, null where there is none. */
  readonly cacheBytes: number | null;
  /** Exact number of multiply-adds. */
  readonly operations: number;
}

/** One point of a sweep as measured. */
export interface MeasuredPoint extends MeasuredWork {
  readonly size: number;
}

/** A sweep as measured; nothing here is fitted, so that a report can be drawn anew. */
export interface MeasuredSweep {
  readonly name: string;
  readonly variable: keyof Point;
  /** All extents; that of the variable is the first point's. */
  readonly extents: Point;
  readonly points: readonly MeasuredPoint[];
  /** What ran in the same rounds and does not depend on the variable. */
  readonly beside: MeasuredWork | null;
}

const besideName = "beside";

/** Runs all sweeps; `note` is told which one begins. */
export async function measureSweeps(
  device: Device,
  quick: boolean,
  note: (text: string) => void,
): Promise<readonly MeasuredSweep[]> {
  const measured: MeasuredSweep[] = [];
  for (const sweep of sweeps) {
    note(`${sweep.name} against ${sweep.variable}`);
    measured.push(await measureSweep(device, sweep, quick));
  }
  return measured;
}

async function measureSweep(device: Device, sweep: Sweep, quick: boolean): Promise<MeasuredSweep> {
  const sizes = quick ? sweep.quick : sweep.values;
  const first = pointOf(sweep, sizes[0]!);
  const kinds = [
    ...sizes.map((size) => ({ name: `${size}`, kind: sweep, point: pointOf(sweep, size) })),
    ...(sweep.beside === undefined ? [] : [{ name: besideName, kind: sweep.beside, point: first }]),
  ];
  const works = new Map<string, { readonly work: Work; readonly bytes: number; readonly operations: number }>();
  try {
    for (const { name, kind, point } of kinds) {
      const before = device.stats.bytes;
      const work = await kind.create(device, point);
      works.set(name, { work, bytes: device.stats.bytes - before, operations: kind.count(point) });
    }
    const samples = await measure(
      [...works].map(([name, { work }]) => ({ name, run: work.run })),
      quick ? { warmupRounds: 1, rounds: 2 } : { warmupRounds: 2, rounds: 15 },
    );
    const read = (name: string): MeasuredWork => {
      const { work, bytes, operations } = works.get(name)!;
      const milliseconds = samplesOf(samples, name).map((each) => Number(each.toPrecision(5)));
      return { milliseconds, bytes, cacheBytes: work.cacheBytes ?? null, operations };
    };
    return {
      name: sweep.name,
      variable: sweep.variable,
      extents: first,
      points: sizes.map((size) => ({ size, ...read(`${size}`) })),
      beside: sweep.beside === undefined ? null : read(besideName),
    };
  } finally {
    for (const { work } of works.values()) work[Symbol.dispose]();
  }
}
