// Every unit is done exactly once, whoever does it; a trap is an error of the caller and stops nobody.
import { describe, expect, it } from "vitest";
import { DeviceError } from "../../errors.ts";
import { loadKernels } from "./kernels.ts";
import { CpuMemory } from "./memory.ts";
import { createPool, type Pool, THREAD_SCRATCH_BEGIN, THREAD_SCRATCH_BYTES } from "./pool.ts";

async function openPool(threads: number): Promise<{ pool: Pool; memory: CpuMemory }> {
  const shared = threads > 1;
  const memory = new CpuMemory({ shared, reservedBytes: THREAD_SCRATCH_BEGIN + threads * THREAD_SCRATCH_BYTES });
  return { memory, pool: await createPool(await loadKernels(shared), memory.memory, threads) };
}

describe.each([1, 2, 3])("Pool of %i threads", (threads) => {
  it("runs every unit of many small jobs", async () => {
    const { pool, memory } = await openPool(threads);
    const source = memory.allocate(16 * 4 * 512);
    const target = memory.allocate(16 * 4 * 512);
    for (let job = 1; job <= 2000; job++) {
      const lines = 1 + (job % 509);
      const x = memory.view(source, "f32", 16 * lines).fill(job);
      pool.run("affineLines", [source, target, 2, 1], lines, 1 + (job % 7));
      expect(memory.view(target, "f32", x.length).every((value) => value === 2 * job + 1)).toBe(true);
    }
    pool.dispose();
  });

  it("turns a trap into a DeviceError and serves the next job", async () => {
    const { pool, memory } = await openPool(threads);
    expect(() => pool.run("affineLines", [0, memory.memory.buffer.byteLength, 0, 0], 64, 1)).toThrow(DeviceError);
    const pointer = memory.allocate(64 * 64);
    memory.view(pointer, "f32", 16 * 64).fill(3);
    pool.run("affineLines", [pointer, pointer, 0, 0], 64, 1);
    expect(memory.view(pointer, "f32", 16 * 64).every((value) => value === 0)).toBe(true);
    pool.dispose();
  });

  it("names a kernel it does not have", async () => {
    const { pool } = await openPool(threads);
    expect(() => pool.run("noSuchKernel", [], 1, 1)).toThrow("Cannot run kernel noSuchKernel");
    pool.dispose();
  });

  it("serves jobs after its workers fell asleep", async () => {
    const { pool, memory } = await openPool(threads);
    const pointer = memory.allocate(64 * 256);
    for (let round = 0; round < 3; round++) {
      memory.view(pointer, "f32", 16 * 256).fill(round + 1);
      await new Promise((resolve) => setTimeout(resolve, 10));
      pool.run("affineLines", [pointer, pointer, 0, 0], 256, 1);
      expect(memory.view(pointer, "f32", 16 * 256).every((value) => value === 0)).toBe(true);
    }
    pool.dispose();
  });
});
