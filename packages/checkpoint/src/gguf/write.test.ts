// Written GGUF files read back field by field, and blocks against files that other programs wrote.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countVectors, sharedAsset } from "@dual-head/repo-tools";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openCheckpoint } from "../open-checkpoint.ts";
import { type GgufDtype, ggufEncodings } from "./blocks.ts";
import { type GgufTensor, type GgufValue, writeGguf } from "./write.ts";

const parity = sharedAsset("hf_parity");
let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dual-head-gguf-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

interface ParsedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** A reader of the whole format written from its specification, for tests. */
function parse(file: Uint8Array): { metadata: Map<string, unknown>; tensors: ParsedTensor[] } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let at = 4;
  const take = (size: number) => {
    at += size;
    return at - size;
  };
  const u32 = () => view.getUint32(take(4), true);
  const u64 = () => Number(view.getBigUint64(take(8), true));
  const text = () => {
    const size = u64();
    const from = take(size);
    return new TextDecoder().decode(file.subarray(from, at));
  };
  const readers: Record<number, () => unknown> = {
    0: () => view.getUint8(take(1)),
    1: () => view.getInt8(take(1)),
    4: u32,
    5: () => view.getInt32(take(4), true),
    6: () => view.getFloat32(take(4), true),
    7: () => view.getUint8(take(1)) === 1,
    8: text,
    9: () => {
      const [type, count] = [u32(), u64()];
      return Array.from({ length: count }, () => readers[type]!());
    },
    10: u64,
  };
  expect(new TextDecoder().decode(file.subarray(0, 4))).toBe("GGUF");
  expect(u32()).toBe(3);
  const [tensorCount, fieldCount] = [u64(), u64()];
  const metadata = new Map(Array.from({ length: fieldCount }, () => [text(), readers[u32()]!()]));
  const infos = Array.from({ length: tensorCount }, () => {
    const name = text();
    const shape = Array.from({ length: u32() }, u64).reverse();
    return { name, shape, type: u32(), offset: u64() };
  });
  const start = Math.ceil(at / 32) * 32;
  const tensors = infos.map(({ name, shape, type, offset }) => {
    expect(offset % 32).toBe(0);
    const { blockSize, blockBytes } = Object.values(ggufEncodings).find(({ id }) => id === type)!;
    const size = (shape.reduce((a, b) => a * b, 1) / blockSize) * blockBytes;
    return { name, shape, type, bytes: file.subarray(start + offset, start + offset + size) };
  });
  return { metadata, tensors };
}

describe("writeGguf()", () => {
  const value: fc.Arbitrary<GgufValue> = fc.oneof(
    fc.record({ u32: fc.nat() }),
    fc.record({ f32: fc.float({ noNaN: true }) }),
    fc.record({ bool: fc.boolean() }),
    fc.record({ string: fc.string({ unit: "grapheme" }) }),
    fc.record({ strings: fc.array(fc.string({ unit: "grapheme" })) }),
    fc.record({ f32s: fc.array(fc.float({ noNaN: true })) }),
    fc.record({ i32s: fc.array(fc.integer()) }),
  );
  const tensor = fc
    .tuple(fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }), fc.integer({ min: 1, max: 3 }), fc.nat())
    .map(([outer, blocks, seed]) => ({
      shape: [...outer, 32 * blocks],
      values: Float32Array.from(
        { length: outer.reduce((a, b) => a * b, 32 * blocks) },
        (_, index) => Math.sin(seed + index) * 4,
      ),
    }));
  it("writes what a reader of the format finds (seed 12)", async () => {
    const path = join(root, "drawn.gguf");
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string({ minLength: 1 }), value, { noNullPrototype: true }),
        fc.array(tensor, { maxLength: 4 }),
        fc.constantFrom(...(Object.keys(ggufEncodings) as GgufDtype[])),
        async (metadata, drawn, dtype) => {
          const tensors: GgufTensor[] = drawn.map(({ shape, values }, index) => ({
            name: `t${index}`,
            shape,
            dtype,
            values: () => values,
          }));
          await writeGguf(path, metadata, tensors);
          const found = parse(await readFile(path));
          expect([...found.metadata]).toEqual(
            Object.entries(metadata).map(([key, field]) => [key, Object.values(field)[0]]),
          );
          expect(found.tensors.map(({ name, shape }) => [name, shape])).toEqual(
            tensors.map(({ name, shape }) => [name, shape]),
          );
          for (const [index, { bytes }] of found.tensors.entries()) {
            expect([...bytes]).toEqual([...ggufEncodings[dtype].encode(drawn[index]!.values)]);
          }
        },
      ),
      { seed: 12, numRuns: 60 },
    );
  });

  it("writes a header of any size", async () => {
    const path = join(root, "vocabulary.gguf");
    const strings = Array.from({ length: 5000 }, (_, id) => `piece ${id}`);
    await writeGguf(path, { strings: { strings }, numbers: { f32s: strings.map((_, id) => id) } }, []);
    const { metadata } = parse(await readFile(path));
    expect(metadata.get("strings")).toEqual(strings);
    expect(metadata.get("numbers")).toEqual(strings.map((_, id) => id));
  });

  it("refuses rows that are no whole blocks, and values that do not fit, and leaves no file", async () => {
    const path = join(root, "refused.gguf");
    const write = (shape: readonly number[], dtype: GgufDtype, count: number) =>
      writeGguf(path, {}, [{ name: "w", shape, dtype, values: () => new Float32Array(count) }]);
    await expect(write([2, 33], "Q8_0", 66)).rejects.toThrow("rows of a multiple of 32");
    await expect(write([2, 3], "F32", 5)).rejects.toThrow("6 values but has 5");
    await expect(write([], "F32", 1)).rejects.toThrow("one to four positive extents");
    await expect(readFile(path)).rejects.toThrow("ENOENT");
  });
});

describe.skipIf(parity === null)("blocks", () => {
  const vectors = countVectors("ggml's blocks, Q8_0 as written");
  it("are those that another program made of the same weights", async () => {
    const checkpoint = await openCheckpoint(join(parity!, "tiny_llama_q8.safetensors"));
    const modules = {
      attn_v: "self_attn.v_proj",
      attn_output: "self_attn.o_proj",
      ffn_gate: "mlp.gate_proj",
      ffn_up: "mlp.up_proj",
      ffn_down: "mlp.down_proj",
    };
    let compared = 0;
    for (const { name, type, bytes } of parse(await readFile(join(parity!, "tiny_llama_q8.gguf"))).tensors) {
      const [, layer, module] = /^blk\.(\d+)\.(\w+)\.weight$/.exec(name) ?? [];
      const known = modules[module as keyof typeof modules];
      // Rows of queries and keys are in another order there.
      if (type !== ggufEncodings.Q8_0.id || (known === undefined && name !== "token_embd.weight")) continue;
      const passed = vectors.begin(1);
      const source = known === undefined ? "model.embed_tokens.weight" : `model.layers.${layer}.${known}.weight`;
      const expected = ggufEncodings.Q8_0.encode(await checkpoint.read(source, "f32"));
      expect([name, ...bytes]).toEqual([name, ...expected]);
      compared++;
      passed();
    }
    await checkpoint.close();
    expect(compared).toBe(11);
  });
});

it("Q4_0 has ggml's layout: element i below, element i + 16 above, the extreme exact", () => {
  const values = Float32Array.from({ length: 32 }, (_, index) => (index === 20 ? -8 : (index % 5) - 2));
  const bytes = ggufEncodings.Q4_0.encode(values);
  // -8 is the extreme, so the scale is 1 (0x3c00) and every value is its nibble less 8.
  expect([bytes[0], bytes[1]]).toEqual([0x00, 0x3c]);
  for (let index = 0; index < 16; index++) {
    expect((bytes[2 + index]! & 15) - 8).toBe(values[index]);
    expect((bytes[2 + index]! >> 4) - 8).toBe(values[index + 16]);
  }
});
