// Runs the sweeps on a device: times of every point, interleaved within a sweep. Knows no document.
import { createRandom, type Device } from "@dual-head/tensor-core";
import { measure, quantileOf, samplesOf } from "../harness.ts";
import { type Exponent, fitExponent, logSlope } from "./fit.ts";
import { type Point, pointOf, sweeps, type Work } from "./sweeps.ts";

/** One point of a sweep as measured. */
export interface MeasuredPoint {
  readonly size: number;
  readonly milliseconds: number;
  /** Bytes on the device that the work holds: weights, caches and inputs. */
  readonly bytes: number;
  /** Exact number of multiply-adds. */
  readonly operations: number;
}

/** A sweep as measured. */
export interface MeasuredSweep {
  readonly name: string;
  readonly variable: keyof Point;
  readonly fixed: Partial<Point>;
  readonly points: readonly MeasuredPoint[];
  /** Of the times, and of the exact counts over the same points, which need not be a pure power. */
  readonly exponent: Exponent;
  readonly countExponent: number;
}

/** Runs all sweeps; `note` is told which one begins. */
export async function measureSweeps(
  device: Device,
  quick: boolean,
  note: (text: string) => void,
): Promise<readonly MeasuredSweep[]> {
  const random = createRandom(1, "complexity");
  const measured: MeasuredSweep[] = [];
  for (const sweep of sweeps) {
    note(`${sweep.name} against ${sweep.variable}`);
    const points = (quick ? sweep.quick : sweep.values).map((size) => ({ size, point: pointOf(sweep, size) }));
    const works: { readonly name: string; readonly work: Work; readonly bytes: number }[] = [];
    try {
      for (const { size, point } of points) {
        const before = device.stats.bytes;
        const work = await sweep.create(device, point);
        works.push({ name: `${size}`, work, bytes: device.stats.bytes - before });
      }
      const alternatives = works.map(({ name, work }) => ({ name, run: work.run }));
      const samples = await measure(
        alternatives,
        quick ? { warmupRounds: 1, rounds: 2 } : { warmupRounds: 2, rounds: 15 },
      );
      const times = points.map(({ size }) => samplesOf(samples, `${size}`));
      const sizes = points.map(({ size }) => size);
      const operations = points.map(({ point }) => sweep.count(point));
      measured.push({
        name: sweep.name,
        variable: sweep.variable,
        fixed: sweep.fixed,
        points: sizes.map((size, at) => ({
          size,
          milliseconds: quantileOf(times[at]!, 0.5),
          bytes: works[at]!.bytes,
          operations: operations[at]!,
        })),
        exponent: fitExponent(sizes, times, () => random.uniform()),
        countExponent: logSlope(sizes, operations),
      });
    } finally {
      for (const { work } of works) work[Symbol.dispose]();
    }
  }
  return measured;
}
