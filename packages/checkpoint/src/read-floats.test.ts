// Tensors longer than a part: the numbers and the hash of the whole, and what is held beside them.
import { createHash } from "node:crypto";
import { bf16ToF32, f16ToF32, memorySource } from "@dual-head/bytes";
import { countedSource } from "@dual-head/bytes/testing";
import { describe, expect, it } from "vitest";
import { ggufTypes } from "./gguf/types.ts";
import { ggufChunks } from "./gguf/write.ts";
import { encodeSafetensors, openCheckpoint, ReadMemory, readPartBytes } from "./index.ts";

// Three parts, the last of which is short.
const count = readPartBytes + 1009;
const patterns = Uint16Array.from({ length: count }, (_, index) => ((index * 40_503) & 0xffff) % 0x7c00);

describe("read() of tensors longer than a part", () => {
  it.each(["F16", "BF16"] as const)("gives the numbers of %s, and hashes the file in passing", async (dtype) => {
    const bytes = encodeSafetensors({
      first: { dtype, shape: [count], data: patterns },
      second: { dtype, shape: [3], data: patterns.slice(0, 3) },
    });
    const source = countedSource(memorySource(bytes, "long"));
    const checkpoint = await openCheckpoint(source);
    const before = source.bytesRead;
    checkpoint.hashReads();
    const memory = new ReadMemory();
    const expected = (dtype === "F16" ? f16ToF32 : bf16ToF32)(patterns);
    const read = await checkpoint.read("first", "f32", memory);
    expect(read.length).toBe(count);
    expect(read.findIndex((value, at) => value !== expected[at])).toBe(-1);
    expect([...(await checkpoint.read("second", "f64", memory))]).toEqual([...expected.slice(0, 3)]);
    expect(source.longestRead).toBeLessThanOrEqual(readPartBytes);
    expect(await checkpoint.sha256()).toBe(createHash("sha256").update(bytes).digest("hex"));
    expect(source.bytesRead - before).toBe(bytes.length);
    await checkpoint.close();
  });

  it("gives the numbers of blocks, in parts of whole blocks", async () => {
    const values = Float32Array.from({ length: 2 ** 22 + 32 * 7 }, (_, index) => Math.sin(index));
    const tensor = { name: "blocks", shape: [values.length], dtype: "Q8_0" as const, values: () => values };
    const chunks: Uint8Array[] = [];
    for await (const chunk of ggufChunks("memory", {}, [tensor])) chunks.push(chunk);
    const source = countedSource(memorySource(new Uint8Array(Buffer.concat(chunks)), "blocks"));
    const checkpoint = await openCheckpoint(source);
    const whole = ggufTypes.Q8_0.decode!(await checkpoint.readRaw("blocks"));
    const before = source.ranges.length;
    const read = await checkpoint.read("blocks", "f32");
    expect(read.findIndex((value, at) => value !== whole[at])).toBe(-1);
    expect(source.ranges.slice(before).every(({ length }) => length <= readPartBytes && length % 34 === 0)).toBe(true);
    await checkpoint.close();
  });

  it("fails with the failure of its source, whichever part it is in", async () => {
    const bytes = encodeSafetensors({ first: { dtype: "BF16", shape: [count], data: patterns } });
    for (const failing of [1, 2, 3]) {
      const sound = memorySource(bytes, "long");
      let parts = 0;
      const checkpoint = await openCheckpoint({
        ...sound,
        read: async (offset, length) => {
          if (length > 1009 && ++parts >= failing) throw new Error(`part ${failing}`);
          return sound.read(offset, length);
        },
      });
      await expect(checkpoint.read("first", "f32")).rejects.toThrow(`part ${failing}`);
      await checkpoint.close();
    }
  });
});
