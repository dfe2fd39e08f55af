// The measure of memory sees what readers of lying files would do wrong.
import { describe, expect, it } from "vitest";
import { measureAllocations } from "./allocations.ts";

const large = 3_000_017;

describe("measureAllocations()", () => {
  it("counts buffers by their lengths, those refused or let go included, and puts everything back", async () => {
    const { Uint8Array: own } = globalThis;
    const found = await measureAllocations(async () => {
      new Float64Array(new ArrayBuffer(800), 0, 10);
      Float32Array.from([1, 2, 3]);
      await Promise.resolve();
      expect(() => new Uint8Array(2 ** 50)).toThrow(RangeError);
    });
    expect(found.largestBuffer).toBe(2 ** 50);
    expect(found.bufferBytes - 2 ** 50).toBe(800 + 12);
    expect(globalThis.Uint8Array).toBe(own);
    await expect(measureAllocations(() => Promise.reject(new Error("mine")))).rejects.toThrow("mine");
    expect(globalThis.Uint8Array).toBe(own);
  });

  it("sees lists, texts and buffers of other makers in the growth of the heap", async () => {
    const kept: unknown[] = [];
    for (const make of [
      () => new Array(large).fill(0),
      () => Array.from({ length: large }, (_, index) => index),
      () => new Map(Array.from({ length: large / 30 }, (_, index) => [index, { index }])),
      () => "é".repeat(large).split("").join("x"),
      () => Buffer.alloc(large),
    ]) {
      const { heapGrowth } = await measureAllocations(() => void kept.push(make()));
      expect(heapGrowth).toBeGreaterThan(large / 2);
    }
  });
});
