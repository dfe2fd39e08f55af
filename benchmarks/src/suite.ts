// The table of benchmarks, and how those asked for are run on the devices asked for. Knows no command line.
import { type Device, type DeviceName, type OpenDeviceOptions, openDevice } from "@dual-head/tensor-core";
import { batch } from "./benches/batch.ts";
import { contextLength } from "./benches/context-length.ts";
import { crossEntropy } from "./benches/cross-entropy.ts";
import { decode } from "./benches/decode.ts";
import { load } from "./benches/load.ts";
import { methods } from "./benches/methods.ts";
import { ops } from "./benches/ops.ts";
import { overhead } from "./benches/overhead.ts";
import { prefix } from "./benches/prefix.ts";
import { roofline } from "./benches/roofline.ts";
import { training } from "./benches/training.ts";
import { weights } from "./benches/weights.ts";
import type { Benchmark } from "./benchmark.ts";
import type { Row, Setting } from "./row.ts";

/** Every benchmark, in the order they run. */
export const benchmarks: readonly Benchmark[] = [
  ops,
  roofline,
  weights,
  decode,
  methods,
  batch,
  prefix,
  contextLength,
  overhead,
  training,
  crossEntropy,
  load,
];

/** What to run, and on what. */
export interface SuiteOptions {
  /** Names of benchmarks; all where empty. */
  readonly names: readonly string[];
  readonly devices: readonly ("auto" | DeviceName)[];
  readonly deviceOptions: OpenDeviceOptions;
  /** Only shapes whose text contains this. */
  readonly filter: string;
  readonly quick: boolean;
  readonly modelFolders: readonly string[];
  readonly runtime: string;
  readonly commit: string | null;
}

/** A benchmark that does not exist; carries its name and those that do. */
export class UnknownBenchmarkError extends Error {
  override readonly name: string = "UnknownBenchmarkError";
  readonly benchmark: string;
  readonly known: readonly string[];

  constructor(benchmark: string) {
    const known = benchmarks.map(({ name }) => name);
    super(
      `Cannot run benchmark ${JSON.stringify(benchmark)}: there is none of this name; choose from ${known.join(", ")}`,
    );
    this.benchmark = benchmark;
    this.known = known;
  }
}

/**
 * Runs benchmarks one after the other, each on a device of its own, and yields rows as they are measured.
 *
 * @param note told which benchmark begins, and on what
 * @throws UnknownBenchmarkError before anything is measured, DeviceError where a device cannot be had
 */
export async function* runSuite(options: SuiteOptions, note: (text: string) => void): AsyncGenerator<Row, void, void> {
  const { names, devices, deviceOptions, filter, quick, modelFolders, runtime, commit } = options;
  const chosen = names.length === 0 ? benchmarks : names.map(benchmarkNamed);
  for (const kind of devices) {
    for (const benchmark of chosen) {
      using device = await openDevice(kind, deviceOptions);
      note(`${benchmark.name} on ${device.name} (${device.info.description}; ${device.why})`);
      const setting = settingOf(device, runtime, commit);
      const context = {
        device,
        openDevice: (options?: OpenDeviceOptions) => openDevice(device.name, { ...deviceOptions, ...options }),
        quick,
        modelFolders,
        accepts: (shape: string) => shape.includes(filter),
      };
      for await (const { shape, variant, unit, summary } of benchmark.run(context)) {
        yield { bench: benchmark.name, shape, variant, unit, ...summary, ...setting };
      }
    }
  }
}

function benchmarkNamed(name: string): Benchmark {
  const benchmark = benchmarks.find((each) => each.name === name);
  if (benchmark === undefined) throw new UnknownBenchmarkError(name);
  return benchmark;
}

function settingOf({ name, info }: Device, runtime: string, commit: string | null): Setting {
  return { device: name, kernels: info.variant, threads: info.threads, runtime, commit };
}
