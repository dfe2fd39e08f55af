// Every benchmark runs to the end in quick mode and yields rows that can be trusted in form. No number is judged.
import { sharedAsset } from "@dual-head/repo-tools";
import { openDevice } from "@dual-head/tensor-core";
import { describe, expect, it } from "vitest";
import { formatTable, type Row } from "./row.ts";
import { benchmarks, runSuite, type SuiteOptions, UnknownBenchmarkError } from "./suite.ts";

const options: SuiteOptions = {
  names: [],
  devices: ["reference"],
  deviceOptions: { threads: 1 },
  filter: "",
  quick: true,
  modelFolders: [],
  runtime: "test",
  commit: null,
};

async function rowsOf(given: Partial<SuiteOptions>): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const row of runSuite({ ...options, ...given }, () => {})) rows.push(row);
  return rows;
}

function expectWellFormed(row: Row): void {
  for (const text of [row.bench, row.shape, row.variant, row.unit, row.device, row.kernels]) expect(text).not.toBe("");
  expect(Number.isFinite(row.value)).toBe(true);
  expect(row.value).toBeGreaterThan(0);
  expect(row.low).toBeLessThanOrEqual(row.value);
  expect(row.high).toBeGreaterThanOrEqual(row.value);
  expect(Number.isInteger(row.sampleCount) && row.sampleCount >= 1).toBe(true);
  expect(row.threads).toBeGreaterThanOrEqual(1);
}

const units: Readonly<Record<string, readonly string[]>> = {
  ops: ["GFLOP/s", "GB/s"],
  roofline: ["GB/s", "% of GB/s"],
  context: ["ms", "GB/s of keys and values"],
  overhead: ["ms", "× time"],
  weights: ["tokens/s", "GB/s", "× speed"],
  decode: ["tokens/s", "× speed"],
  methods: ["tokens/s", "× speed"],
  batch: ["tokens/s", "× tokens/s"],
  prefix: ["ms", "× time"],
  load: ["ms", "× time", "MiB"],
  training: ["tokens/s", "GFLOP/s", "% of GFLOP/s"],
  "cross-entropy": ["MiB peak", "× memory", "ms", "× time"],
};

describe.each(["reference", "cpu"] as const)("benchmarks on %s", (device) => {
  it.each(benchmarks.map(({ name }) => name))("%s yields well-formed rows of every unit", async (name) => {
    const rows = await rowsOf({ names: [name], devices: [device] });
    rows.forEach(expectWellFormed);
    expect([...new Set(rows.map(({ unit }) => unit))].sort()).toEqual([...units[name]!].sort());
    expect(new Set(rows.map(({ shape, variant, unit }) => [shape, variant, unit].join("|"))).size).toBe(rows.length);
    expect(formatTable(rows).split("\n")).toHaveLength(rows.length + 1);
  });
});

describe("each benchmark", () => {
  it.each(benchmarks)("$name frees what it made on the device", async (benchmark) => {
    using device = await openDevice("reference");
    const context = {
      device,
      openDevice: () => openDevice("reference"),
      quick: true,
      modelFolders: [],
      accepts: () => true,
    };
    for await (const reading of benchmark.run(context)) expect(reading.summary.value).toBeGreaterThan(0);
    expect(device.stats.liveBuffers).toBe(0);
  });
  it("frees it also when it is left early", async () => {
    for (const benchmark of benchmarks) {
      using device = await openDevice("reference");
      const context = {
        device,
        openDevice: () => openDevice("reference"),
        quick: true,
        modelFolders: [],
        accepts: () => true,
      };
      for await (const _ of benchmark.run(context)) break;
      expect(device.stats.liveBuffers).toBe(0);
    }
  });
});

const stories = sharedAsset("models/stories260K/hf");

describe.skipIf(stories === null)("decode on a trained checkpoint", () => {
  it("names the model and its extents", async () => {
    const rows = await rowsOf({ names: ["decode"], devices: ["cpu"], filter: "stories260K", modelFolders: [stories!] });
    rows.forEach(expectWellFormed);
    expect(new Set(rows.map(({ shape }) => shape))).toEqual(new Set(["stories260K 64×5 V 512"]));
  });
});

describe("runSuite()", () => {
  it("leaves out shapes that the filter does not name", async () => {
    expect(await rowsOf({ names: ["ops"], filter: "no such shape" })).toEqual([]);
  });
  it("throws on a benchmark that does not exist, before it measures", async () => {
    await expect(rowsOf({ names: ["ops", "speed"] })).rejects.toThrow(UnknownBenchmarkError);
  });
  it("counts the same peak bytes in every run", async () => {
    const peaks = async () =>
      (await rowsOf({ names: ["cross-entropy"] })).filter(({ unit }) => unit === "MiB peak").map(({ value }) => value);
    expect(await peaks()).toEqual(await peaks());
  });
});
