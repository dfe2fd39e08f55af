// The contract of a benchmark and what all of them share. Knows no benchmark by name.
import type { Device, OpenDeviceOptions, Tensor } from "@dual-head/tensor-core";
import type { Rounds } from "./harness.ts";
import type { Reading } from "./row.ts";

/** What a benchmark is given. */
export interface Context {
  /** The device to measure on; open as long as the benchmark runs, and nobody else's. */
  readonly device: Device;
  /** Opens another device of the same kind, for counts that begin at zero or other options; the benchmark disposes it. */
  readonly openDevice: (options?: OpenDeviceOptions) => Promise<Device>;
  /** Tiny extents and few rounds: shows that the benchmark runs, its numbers mean nothing. */
  readonly quick: boolean;
  /** Folders of models to measure beside the random ones. */
  readonly modelFolders: readonly string[];
  /** Whether a shape was asked for. */
  readonly accepts: (shape: string) => boolean;
}

/** One benchmark: an entry of the table in `suite.ts`. */
export interface Benchmark {
  readonly name: string;
  /** One line for --help. */
  readonly description: string;
  /** Yields readings as they are ready. Everything made on the device is freed at the end. */
  run(context: Context): AsyncIterable<Reading>;
}

/** Rounds of a benchmark: those given, or two when the run is to be quick. */
export function roundsOf({ quick }: Pick<Context, "quick">, full: Rounds): Rounds {
  return quick ? { warmupRounds: 1, rounds: 2 } : full;
}

/** Extents of a benchmark: `full`, or `tiny` when the run is to be quick. */
export function extentsFor<Extents>({ quick }: Pick<Context, "quick">, tiny: Extents, full: Extents): Extents {
  return quick ? tiny : full;
}

/**
 * A function that returns when the device has done everything asked of it so far. Queues run in order, so reading one
 * number made before them all is enough. The caller disposes it.
 */
export function createBarrier(device: Device): Disposable & { readonly settle: () => Promise<void> } {
  const probe: Tensor = device.keep(device.tensor([0], [1]));
  return {
    settle: async () => void (await probe.read()),
    [Symbol.dispose]: () => probe.dispose(),
  };
}
