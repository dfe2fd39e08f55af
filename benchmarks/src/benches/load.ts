// Loading a checkpoint from disk against reading the same bytes and doing nothing with them: time, and the memory that the
// host takes beside the weights. The checkpoint is written for it, into a temporary folder. Knows no head.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, open, rm, stat, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { llamaConfigJson, loadLlama, type WeightDtype, weightNames } from "@dual-head/backbone-llama";
import { f32ToBf16 } from "@dual-head/bytes";
import { type DeferredTensor, writeSafetensors } from "@dual-head/checkpoint";
import { type Device, sizeOf } from "@dual-head/tensor-core";
import { type Benchmark, type Context, extentsFor, roundsOf } from "../benchmark.ts";
import { measure, samplesOf, speedups, summarise } from "../harness.ts";
import { type LlamaExtents, llamaExtents, modelShape, randomLlamaConfig, uniformValues } from "../random-model.ts";
import { counted, type Reading } from "../row.ts";

const rounds = { warmupRounds: 1, rounds: 7 };
const chunkBytes = 16 * 2 ** 20;
const mebi = 2 ** 20;

/** Milliseconds to load a BF16 checkpoint as bf16, over those of reading its bytes, and MiB of host memory beside it. */
export const load: Benchmark = {
  name: "load",
  description: "time of loading a 1.1B checkpoint in bf16 against reading its bytes, and the host's memory beside it",
  async *run(context: Context): AsyncIterable<Reading> {
    const extents = extentsFor(context, llamaExtents.tiny, llamaExtents.huge);
    const shape = `${modelShape(extents)} bf16`;
    if (!context.accepts(shape)) return;
    const folder = await mkdtemp(join(tmpdir(), "dual-head-load-"));
    try {
      await writeCheckpoint(folder, extents);
      yield* compare(context, folder, shape, extents);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function* compare(
  context: Context,
  folder: string,
  shape: string,
  extents: LlamaExtents,
): AsyncIterable<Reading> {
  const { device } = context;
  const path = join(folder, "model.safetensors");
  const dtype: WeightDtype = device.info.features.includes("packed weights") ? "bf16" : "f32";
  // First of all, since memory that was had once stays with the process.
  const { peak, weights } = await memoryOf(device, folder, dtype);
  const alternatives = [
    { name: "load", run: async () => (await loadLlama(folder, device, { dtype }))[Symbol.dispose]() },
    { name: "read", run: () => readThrough(path, () => {}) },
    {
      name: "read and hash",
      run: () => {
        const hash = createHash("sha256");
        return readThrough(path, (bytes) => hash.update(bytes));
      },
    },
  ];
  const samples = await measure(alternatives, roundsOf(context, rounds));
  for (const { name } of alternatives) {
    yield { shape, variant: name, unit: "ms", summary: summarise(samplesOf(samples, name)) };
  }
  for (const other of ["read", "read and hash"]) {
    yield { shape, variant: `load / ${other}`, unit: "× time", summary: summarise(speedups(samples, other, "load")) };
  }
  const largest = Math.max(...weightNames(randomLlamaConfig(extents)).map((weight) => sizeOf(weight.shape)));
  const sizes = {
    file: (await stat(path)).size,
    "weights on the device": weights,
    // What the process had spare may serve: at least a byte.
    "peak of the host beside them": Math.max(1, peak - weights),
    "largest tensor, stored and as floats": 6 * largest,
  };
  for (const [variant, bytes] of Object.entries(sizes)) {
    yield { shape, variant, unit: "MiB", summary: counted(bytes / mebi) };
  }
}

/** A folder with config.json and weights in BF16, a tensor at a time. */
async function writeCheckpoint(folder: string, extents: LlamaExtents): Promise<void> {
  const config = randomLlamaConfig(extents);
  const names = weightNames(config);
  const size = names.reduce((sum, { shape }) => sum + 2 * sizeOf(shape), 0);
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < 1.1 * size) {
    throw new Error(
      `Cannot write a checkpoint of ${size} bytes to ${folder}: ${bavail * bsize} are free; free some, or set TMPDIR to another disk`,
    );
  }
  const tensors: Record<string, DeferredTensor> = {};
  for (const { name, shape } of names) {
    const data = async () => f32ToBf16(uniformValues(sizeOf(shape), 1 / Math.sqrt(extents.hiddenSize), name));
    tensors[name] = { dtype: "BF16", shape, data };
  }
  await writeFile(join(folder, "config.json"), JSON.stringify(llamaConfigJson(config, "BF16")));
  await writeSafetensors(join(folder, "model.safetensors"), tensors, { format: "pt" });
}

async function readThrough(path: string, visit: (bytes: Uint8Array) => void): Promise<void> {
  const file = await open(path);
  try {
    const buffer = new Uint8Array(chunkBytes);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, chunkBytes);
      if (bytesRead === 0) return;
      visit(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/** How many bytes the process grows by at most while a model loads, and what the device then holds of them. */
async function memoryOf(
  device: Device,
  folder: string,
  dtype: WeightDtype,
): Promise<{ readonly peak: number; readonly weights: number }> {
  const held = device.stats.bytes;
  // Resident memory as a thread sees it that loading does not hold up, every two milliseconds.
  const most = new Float64Array(new SharedArrayBuffer(8));
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(watching, { eval: true, workerData: { most, stop } });
  try {
    await once(worker, "message");
    collectGarbage();
    const before = process.memoryUsage.rss();
    using _model = await loadLlama(folder, device, { dtype });
    return { peak: most[0]! - before, weights: device.stats.bytes - held };
  } finally {
    Atomics.store(stop, 0, 1);
    Atomics.notify(stop, 0);
    await once(worker, "exit");
  }
}

/** What writing the checkpoint left behind would otherwise serve loading, and hide what it takes. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("globalThis.gc");
  if (typeof collect === "function") collect();
}

const watching = `
  const { workerData: { most, stop }, parentPort } = require("node:worker_threads");
  parentPort.postMessage("begun");
  do most[0] = Math.max(most[0], process.memoryUsage.rss());
  while (Atomics.wait(stop, 0, 0, 2) === "timed-out");`;
