// Every unit is done exactly once, whoever does it; a trap is an error of the caller and stops nobody.
import * as threadsModule from "node:worker_threads";
import { afterEach, describe, expect, it, vi } from "vitest";
import { DeviceError } from "../../errors.ts";
import { loadKernels } from "./kernels.ts";
import { CpuMemory } from "./memory.ts";
import { createPool, type Pool, THREAD_SCRATCH_BEGIN, THREAD_SCRATCH_BYTES } from "./pool.ts";

async function openPool(threads: number, stallMilliseconds?: number): Promise<{ pool: Pool; memory: CpuMemory }> {
  const shared = threads > 1;
  const memory = new CpuMemory({ shared, reservedBytes: THREAD_SCRATCH_BEGIN + threads * THREAD_SCRATCH_BYTES });
  return { memory, pool: await createPool(await loadKernels(shared), memory.memory, threads, stallMilliseconds) };
}

describe.each([1, 2, 3])("Pool of %i threads", (threads) => {
  it("runs every unit of many small jobs", async () => {
    const { pool, memory } = await openPool(threads);
    const source = memory.allocate(16 * 4 * 512);
    const target = memory.allocate(16 * 4 * 512);
    for (let job = 1; job <= 2000; job++) {
      const lines = 1 + (job % 509);
      const x = memory.view(source, "f32", 16 * lines).fill(job);
      pool.prepare("affineLines", [source, target, 2, 1], lines, 1 + (job % 7))();
      expect(memory.view(target, "f32", x.length).every((value) => value === 2 * job + 1)).toBe(true);
    }
    pool.dispose();
  });

  it("turns a trap into a DeviceError and serves the next job", async () => {
    const { pool, memory } = await openPool(threads);
    expect(pool.prepare("affineLines", [0, memory.memory.buffer.byteLength, 0, 0], 64, 1)).toThrow(DeviceError);
    const pointer = memory.allocate(64 * 64);
    memory.view(pointer, "f32", 16 * 64).fill(3);
    pool.prepare("affineLines", [pointer, pointer, 0, 0], 64, 1)();
    expect(memory.view(pointer, "f32", 16 * 64).every((value) => value === 0)).toBe(true);
    pool.dispose();
  });

  it("names a kernel it does not have", async () => {
    const { pool } = await openPool(threads);
    expect(() => pool.prepare("noSuchKernel", [], 1, 1)).toThrow("Cannot run kernel noSuchKernel");
    pool.dispose();
  });

  it("serves jobs after its workers fell asleep", async () => {
    const { pool, memory } = await openPool(threads);
    const pointer = memory.allocate(64 * 256);
    for (let round = 0; round < 3; round++) {
      memory.view(pointer, "f32", 16 * 256).fill(round + 1);
      await new Promise((resolve) => setTimeout(resolve, 10));
      pool.prepare("affineLines", [pointer, pointer, 0, 0], 256, 1)();
      expect(memory.view(pointer, "f32", 16 * 256).every((value) => value === 0)).toBe(true);
    }
    pool.dispose();
  });
});

describe("a worker that dies", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** Workers whose program differs from the real one in one place. */
  function alterWorkers(text: string, replacement: string): void {
    const { Worker } = threadsModule;
    class AlteredWorker extends Worker {
      constructor(source: string, options: threadsModule.WorkerOptions) {
        expect(source).toContain(text);
        super(source.replace(text, replacement), options);
      }
    }
    const original = process.getBuiltinModule;
    vi.spyOn(process, "getBuiltinModule").mockImplementation(((name: string) =>
      name === "node:worker_threads"
        ? { ...threadsModule, Worker: AlteredWorker }
        : original(name)) as typeof original);
  }

  /** Runs jobs until one fails: a thread that is never scheduled takes no chunk. */
  async function failureOf(pool: Pool, memory: CpuMemory): Promise<unknown> {
    const pointer = memory.allocate(64 * 4096);
    for (let job = 0; job < 10_000; job++) {
      try {
        pool.prepare("affineLines", [pointer, pointer, 1, 0], 4096, 1)();
      } catch (error) {
        return error;
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    return null;
  }

  it.each([
    ["exits", "process.exit(3)", "it exited with code 3"],
    ["throws", 'throw new Error("on purpose")', "on purpose"],
  ])("fails to start where it %s before it is ready", async (_, statement, reason) => {
    alterWorkers("ready();", `${statement};`);
    const failure = await openPool(2).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DeviceError);
    expect(String(failure)).toContain(reason);
  });

  it("fails the run that waits for its chunk, and every run after it", async () => {
    alterWorkers("kernel.apply(null, values);", "process.exit(5);");
    const { pool, memory } = await openPool(2, 300);
    const failure = await failureOf(pool, memory);
    expect(failure).toBeInstanceOf(DeviceError);
    expect(String(failure)).toContain("a worker thread died (silent for 300 ms in kernel affineLines); open a new one");
    expect(pool.prepare("affineLines", [0, 0, 1, 0], 1, 1)).toThrow("a worker thread died");
    pool.dispose();
  });

  it("fails the next run where it died idle", async () => {
    alterWorkers("if (remaining === 0) {", "if (remaining === 0) { process.exit(7);");
    const { pool, memory } = await openPool(2);
    expect(String(await failureOf(pool, memory))).toContain("it exited with code 7");
    pool.dispose();
  });
});
