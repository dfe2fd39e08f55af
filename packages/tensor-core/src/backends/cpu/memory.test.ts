// Growth keeps what is stored; the limit is named when it is reached.
import { describe, expect, it } from "vitest";
import { DeviceError } from "../../errors.ts";
import { CpuMemory } from "./memory.ts";

describe.each([true, false])("CpuMemory (shared: %s)", (shared) => {
  it("keeps its contents when it grows", () => {
    const memory = new CpuMemory({ shared, reservedBytes: 1000 });
    const small = memory.allocate(4 * 1009);
    memory.view(small, "f32", 1009).set(Float32Array.from({ length: 1009 }, (_, index) => index));
    const large = memory.allocate(40 * 1024 * 1024);
    memory.view(large, "f32", 10 * 1024 * 1024).fill(7);
    expect([...memory.view(small, "f32", 1009)]).toEqual(Array.from({ length: 1009 }, (_, index) => index));
    memory.free(small);
    memory.free(large);
    expect(memory.bytesInUse).toBe(0);
  });

  it("throws a DeviceError with the bytes wanted, in use and allowed, and goes on working", () => {
    const memory = new CpuMemory({ shared, reservedBytes: 1000, limitBytes: 20 * 1024 * 1024 });
    const held = memory.allocate(64 * 1000);
    expect(() => memory.allocate(30 * 1024 * 1024)).toThrow(DeviceError);
    expect(() => memory.allocate(30 * 1024 * 1024)).toThrow(
      /Cannot allocate 31457280 bytes.* 64000 bytes are in use of at most 20971520;/,
    );
    const half = memory.allocate(10 * 1024 * 1024);
    memory.free(half);
    memory.free(held);
    expect(memory.allocate(18 * 1024 * 1024)).toBeGreaterThan(0);
  });

  it("refuses sizes beyond every address, up to the largest number", () => {
    const memory = new CpuMemory({ shared, reservedBytes: 1000 });
    for (const byteLength of [2 ** 32 + 64, 2 ** 38 + 64, 2 ** 50]) {
      expect(() => memory.allocate(byteLength)).toThrow(`Cannot allocate ${byteLength} bytes`);
    }
    expect(memory.bytesInUse).toBe(0);
  });
});
