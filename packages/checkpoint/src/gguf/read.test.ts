// Reading GGUF: what was written comes back, every kind of value, every rule on its own, and files of other programs.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { memorySource } from "@dual-head/bytes";
import { countedSource } from "@dual-head/bytes/testing";
import { countVectors, sharedAsset } from "@dual-head/repo-tools";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MetadataValue } from "../checkpoint.ts";
import { CheckpointError, GgufError } from "../errors.ts";
import { openCheckpoint } from "../open-checkpoint.ts";
import { type GgufDtype, ggufEncodings } from "./blocks.ts";
import { openGguf } from "./open.ts";
import { ggufVocabularyOf } from "./vocabulary.ts";
import { type GgufTensor, type GgufValue, ggufChunks } from "./write.ts";

async function encode(
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of ggufChunks("memory", metadata, tensors)) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

const value: fc.Arbitrary<GgufValue> = fc.oneof(
  fc.record({ u32: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }),
  fc.record({ f32: fc.float({ noNaN: true }) }),
  fc.record({ bool: fc.boolean() }),
  fc.record({ string: fc.string({ unit: "grapheme" }) }),
  fc.record({ strings: fc.array(fc.string({ unit: "grapheme" })) }),
  fc.record({ f32s: fc.array(fc.float({ noNaN: true })) }),
  fc.record({ i32s: fc.array(fc.integer()) }),
);

/** A written value as it is read. */
function readOf(written: GgufValue): MetadataValue {
  if ("f32s" in written) return Float32Array.from(written.f32s);
  if ("i32s" in written) return Int32Array.from(written.i32s);
  return Object.values(written)[0] as MetadataValue;
}

const drawnTensor = fc
  .tuple(fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }), fc.integer({ min: 1, max: 3 }), fc.nat())
  .map(([outer, blocks, seed]) => ({
    shape: [...outer, 32 * blocks],
    values: Float32Array.from(
      { length: outer.reduce((a, b) => a * b, 32 * blocks) },
      (_, index) => Math.sin(seed + index) * 4,
    ),
  }));

describe("openGguf()", () => {
  it("reads what writeGguf() writes, within each encoding's step (seed 21)", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string({ minLength: 1 }), value, { noNullPrototype: true }),
        fc.array(drawnTensor, { maxLength: 4 }),
        fc.constantFrom(...(Object.keys(ggufEncodings) as GgufDtype[])),
        async (metadata, drawn, dtype) => {
          const tensors = drawn.map(
            ({ shape, values }, index): GgufTensor => ({ name: `t${index}`, shape, dtype, values: () => values }),
          );
          const checkpoint = await openGguf(memorySource(await encode(metadata, tensors), "memory"));
          expect([...checkpoint.fields]).toEqual(
            Object.entries(metadata).map(([key, written]) => [key, readOf(written)]),
          );
          expect(checkpoint.names).toEqual(tensors.map(({ name }) => name));
          const step = { F32: 0, F16: 2 ** -9, BF16: 2 ** -6, Q8_0: 4 / 254 + 2 ** -9, Q4_0: 4 / 8 + 2 ** -9 }[dtype];
          for (const [index, { shape, values }] of drawn.entries()) {
            expect(checkpoint.spec(`t${index}`)).toEqual({ dtype, shape });
            expect(await checkpoint.readRaw(`t${index}`)).toEqual(Uint8Array.from(ggufEncodings[dtype].encode(values)));
            const read = await checkpoint.read(`t${index}`, "f32");
            expect(read.length).toBe(values.length);
            expect(read.every((each, at) => Math.abs(each - values[at]!) <= step)).toBe(true);
            expect(await checkpoint.read(`t${index}`, "f64")).toEqual(Float64Array.from(read));
          }
        },
      ),
      { seed: 21, numRuns: 60 },
    );
  });

  it("asks for a header in growing parts, for none of it twice and for nothing past the end", async () => {
    const strings = Array.from({ length: 20_011 }, (_, id) => `piece ${id}`);
    const values = () => new Float32Array(64);
    const bytes = await encode({ strings: { strings } }, [{ name: "w", shape: [64], dtype: "F32", values }]);
    const source = countedSource(memorySource(bytes, "memory"));
    const checkpoint = await openGguf(source);
    expect(checkpoint.fields.get("strings")).toEqual(strings);
    let end = 0;
    for (const { offset, length } of source.ranges) {
      expect(offset).toBe(end);
      end += length;
    }
    expect(end).toBeLessThanOrEqual(bytes.length);
    expect(source.ranges.length).toBeLessThan(5);
    await checkpoint.readRaw("w", { begin: 4, end: 12 });
    expect(source.ranges.at(-1)!.length).toBe(8);
    await expect(checkpoint.readRaw("w", { begin: 4, end: 257 })).rejects.toThrow(CheckpointError);
    await checkpoint.close();
    expect(source.closed).toBe(true);
  });
});

/** Bytes of a file by hand: numbers are bytes, other parts spread. */
const u32 = (n: number) => [...new Uint8Array(Uint32Array.of(n).buffer)];
const u64 = (n: number | bigint) => [...new Uint8Array(BigUint64Array.of(BigInt(n)).buffer)];
const text = (s: string) => {
  const bytes = [...new TextEncoder().encode(s)];
  return [...u64(bytes.length), ...bytes];
};
const field = (key: string, type: number, ...bytes: readonly number[]) => [...text(key), ...u32(type), ...bytes];
const tensor = (name: string, axes: readonly number[], type: number, offset: number) => [
  ...text(name),
  ...u32(axes.length),
  ...axes.flatMap(u64),
  ...u32(type),
  ...u64(offset),
];

interface Parts {
  readonly version?: number;
  readonly fields?: readonly (readonly number[])[];
  readonly tensors?: readonly (readonly number[])[];
  readonly alignment?: number;
  readonly data?: number;
}

function file({ version = 3, fields = [], tensors = [], alignment = 32, data = 0 }: Parts): Uint8Array {
  const head = [...u32(0x46554747), ...u32(version), ...u64(tensors.length), ...u64(fields.length)];
  const header = [...head, ...fields.flat(), ...tensors.flat()];
  const padding = tensors.length === 0 ? 0 : (alignment - (header.length % alignment)) % alignment;
  return Uint8Array.from([...header, ...new Array<number>(padding + data).fill(0)]);
}

async function ruleOf(bytes: Uint8Array): Promise<string> {
  try {
    await openGguf(memorySource(bytes, "m.gguf"));
    return "ok";
  } catch (error) {
    expect(error).toBeInstanceOf(GgufError);
    expect((error as GgufError).path).toBe("m.gguf");
    return (error as GgufError).rule;
  }
}

describe("a GGUF header", () => {
  it("holds values of every type, in versions 2 and 3 alike", async () => {
    const floats = [...new Uint8Array(Float32Array.of(1.5, -2).buffer)];
    const doubles = [...new Uint8Array(Float64Array.of(Math.PI).buffer)];
    const nested = [...u32(9), ...u64(2), ...u32(4), ...u64(1), ...u32(7), ...u32(8), ...u64(1), ...text("é")];
    const fields: readonly (readonly [readonly number[], MetadataValue])[] = [
      [field("u8", 0, 200), 200],
      [field("i8", 1, 200), -56],
      [field("u16", 2, 1, 255), 65281],
      [field("i16", 3, 1, 255), -255],
      [field("u32", 4, ...u32(2 ** 32 - 1)), 2 ** 32 - 1],
      [field("i32", 5, ...u32(2 ** 32 - 1)), -1],
      [field("f32", 6, ...floats.slice(0, 4)), 1.5],
      [field("bool", 7, 1), true],
      [field("string", 8, ...text("ü")), "ü"],
      [field("u64", 10, ...u64(2 ** 53 - 1)), 2 ** 53 - 1],
      [field("large", 10, ...u64(2n ** 64n - 1n)), 2n ** 64n - 1n],
      [field("i64", 11, ...u64(2n ** 64n - 1n)), -1],
      [field("f64", 12, ...doubles), Math.PI],
      [field("u8s", 9, ...u32(0), ...u64(2), 7, 8), Uint8Array.of(7, 8)],
      [field("bools", 9, ...u32(7), ...u64(2), 0, 1), Uint8Array.of(0, 1)],
      [field("i16s", 9, ...u32(3), ...u64(2), 1, 0, 255, 255), Int16Array.of(1, -1)],
      [field("f32s", 9, ...u32(6), ...u64(2), ...floats), Float32Array.of(1.5, -2)],
      [field("u64s", 9, ...u32(10), ...u64(1), ...u64(9)), BigUint64Array.of(9n)],
      [field("none", 9, ...u32(8), ...u64(0)), []],
      [field("nested", 9, ...nested), [Uint32Array.of(7), ["é"]]],
      [field("__proto__", 8, ...text("kept")), "kept"],
    ];
    for (const version of [2, 3]) {
      const bytes = file({ version, fields: fields.map(([encoded]) => encoded) });
      const { fields: found, metadata } = await openGguf(memorySource(bytes, "memory"));
      expect([...found.values()]).toEqual(fields.map(([, read]) => read));
      expect(Object.entries(metadata)).toEqual([
        ["string", "ü"],
        ["__proto__", "kept"],
      ]);
    }
  });

  it("places tensors by its own alignment, in any order, with gaps", async () => {
    const bytes = file({
      fields: [field("general.alignment", 4, ...u32(64))],
      tensors: [tensor("b", [3, 2], 0, 128), tensor("a", [5], 0, 0), tensor("scalar", [], 24, 192)],
      alignment: 64,
      data: 193,
    });
    bytes.set(new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer), bytes.length - 193 + 128);
    const checkpoint = await openGguf(memorySource(bytes, "memory"));
    expect(checkpoint.spec("b")).toEqual({ dtype: "F32", shape: [2, 3] });
    expect(await checkpoint.read("b", "f32")).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
    expect(await checkpoint.readRaw("scalar")).toEqual(Uint8Array.of(0));
    await expect(checkpoint.read("scalar", "f32")).rejects.toMatchObject({ name: "CheckpointError", actual: "I8" });
  });

  const one = (name: string, bytes: readonly number[]) => file({ fields: [[...text(name), ...bytes]] });
  const w = (axes: readonly number[], type = 0, offset = 0) => tensor("w", axes, type, offset);
  const manyLists = Array.from({ length: 50_000 }, () => [...u32(9), ...u64(1)]).flat();
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ["nothing at all", new Uint8Array(0), "truncated"],
    ["another magic number", Uint8Array.from([...u32(1), ...file({}).slice(4)]), "magic"],
    ["version 1", file({ version: 1 }), "version"],
    ["big-endian", file({ version: 0x03000000 }), "version"],
    ["fewer fields than announced", Uint8Array.from([...file({}).slice(0, 16), ...u64(1)]), "truncated"],
    ["more tensors than can be", Uint8Array.from([...file({}).slice(0, 8), ...u64(2n ** 60n), ...u64(0)]), "size"],
    ["a text longer than the file", one("k", [...u32(8), ...u64(2 ** 40)]), "truncated"],
    ["a text longer than can be", one("k", [...u32(8), ...u64(2n ** 63n)]), "size"],
    ["a list longer than the file", one("k", [...u32(9), ...u32(6), ...u64(2 ** 50)]), "truncated"],
    ["a list of texts longer than the file", one("k", [...u32(9), ...u32(8), ...u64(2 ** 50)]), "truncated"],
    ["a text that is not UTF-8", one("k", [...u32(8), ...u64(1), 255]), "utf8"],
    ["an unknown type of value", one("k", u32(13)), "value-type"],
    ["a truth value of 2", one("k", [...u32(7), 2]), "value"],
    ["lists in lists without end", one("k", [...u32(9), ...manyLists]), "depth"],
    ["a key used twice", file({ fields: [field("k", 7, 1), field("k", 7, 1)] }), "duplicate-key"],
    ["an alignment of 12", file({ fields: [field("general.alignment", 4, ...u32(12))] }), "alignment"],
    ["an alignment of 0", file({ fields: [field("general.alignment", 4, ...u32(0))] }), "alignment"],
    ["an alignment that is text", file({ fields: [field("general.alignment", 8, ...text("32"))] }), "alignment"],
    ["five axes", file({ tensors: [w([1, 1, 1, 1, 1])], data: 4 }), "shape"],
    ["a shape too large to count", file({ tensors: [w([2 ** 40, 2 ** 40])], data: 4 }), "shape"],
    ["rows of part of a block", file({ tensors: [w([16, 4], 8)], data: 68 }), "shape"],
    ["an unknown type of tensor", file({ tensors: [w([1], 4)], data: 4 }), "tensor-type"],
    ["a name used twice", file({ tensors: [w([1]), w([1], 0, 32)], data: 36 }), "duplicate-tensor"],
    ["an offset between alignments", file({ tensors: [w([1], 0, 4)], data: 8 }), "offset"],
    ["a tensor past the end", file({ tensors: [w([2])], data: 7 }), "truncated"],
    ["an offset past the end", file({ tensors: [w([1], 0, 2 ** 45)], data: 7 }), "truncated"],
    ["tensors in one place", file({ tensors: [w([9]), tensor("v", [1], 0, 32)], data: 36 }), "overlap"],
    ["tensors of no numbers in one place", file({ tensors: [w([0]), tensor("v", [0, 3], 0, 0)], data: 0 }), "ok"],
    ["bytes behind the last tensor", file({ tensors: [w([2])], data: 31 }), "ok"],
  ];
  for (const [label, bytes, rule] of cases) {
    it(`with ${label}: ${rule}`, async () => expect(await ruleOf(bytes)).toBe(rule));
  }

  it("cut anywhere is an error, or lacks nothing but padding", async () => {
    const whole = file({ fields: [field("k", 8, ...text("value"))], tensors: [w([3, 2])], data: 24 });
    for (let size = 0; size < whole.length; size++) expect(await ruleOf(whole.subarray(0, size))).toBe("truncated");
    expect(await ruleOf(whole)).toBe("ok");
  });

  it("of one part of several names the remedy", async () => {
    const bytes = file({ fields: [field("split.count", 2, 3, 0)] });
    await expect(openGguf(memorySource(bytes, "part"))).rejects.toThrow(/one of 3 parts; open it by its path/);
  });
});

describe("ggufVocabularyOf()", () => {
  const tokens = { strings: ["<unk>", "a", "b"] };
  const of = async (fields: Readonly<Record<string, GgufValue>>) =>
    ggufVocabularyOf(await openGguf(memorySource(await encode(fields, []), "v.gguf")));

  it("gives plain data, and null for what the file does not say", async () => {
    expect(await of({ "general.name": { string: "x" } })).toBeNull();
    expect(
      await of({
        "tokenizer.ggml.model": { string: "llama" },
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": { f32s: [0, -1, -2] },
        "tokenizer.ggml.token_type": { i32s: [2, 1, 1] },
        "tokenizer.ggml.bos_token_id": { u32: 1 },
        "tokenizer.ggml.add_bos_token": { bool: false },
      }),
    ).toEqual({
      model: "llama",
      pre: null,
      tokens: tokens.strings,
      scores: Float32Array.of(0, -1, -2),
      tokenTypes: Int32Array.of(2, 1, 1),
      merges: [],
      bosTokenId: 1,
      eosTokenId: null,
      eotTokenId: null,
      unknownTokenId: null,
      padTokenId: null,
      addBosToken: false,
      addEosToken: null,
      addSpacePrefix: null,
      chatTemplate: null,
      huggingfaceJson: null,
    });
  });

  it("refuses fields of another type or length, and names them", async () => {
    const sound = { "tokenizer.ggml.model": { string: "gpt2" }, "tokenizer.ggml.tokens": tokens } as const;
    const wrong: readonly (readonly [string, GgufValue, RegExp])[] = [
      ["tokenizer.ggml.tokens", { i32s: [1] }, /tokens is a Int32Array of 1 but must be a list of texts/],
      ["tokenizer.ggml.scores", { f32s: [0] }, /scores is a list of 1 but must be a list of 3/],
      ["tokenizer.ggml.token_type", { i32s: [1, 2] }, /token_type is a list of 2/],
      ["tokenizer.ggml.eos_token_id", { f32: 0.5 }, /eos_token_id is 0.5 but must be a token id/],
      ["tokenizer.ggml.add_eos_token", { u32: 1 }, /add_eos_token is 1 but must be true or false/],
      ["tokenizer.chat_template", { u32: 1 }, /chat_template is 1 but must be a text/],
    ];
    for (const [key, written, message] of wrong) {
      await expect(of({ ...sound, [key]: written })).rejects.toThrow(message);
      await expect(of({ ...sound, [key]: written })).rejects.toThrow(CheckpointError);
    }
  });
});

const parity = sharedAsset("hf_parity");
const random = sharedAsset("models/llama2-tiny-random-gguf/llama-2-tiny-random.gguf");

describe.skipIf(parity === null)("GGUF files of other programs", () => {
  const blocks = countVectors("ggml's numbers, blocks of 256 (K-quants)");
  const weights = countVectors("tensors of the safetensors they were made of, GGUF in F32, F16 and Q8_0");
  it("hold the numbers of their K-blocks' references", async () => {
    const checkpoint = await openCheckpoint(join(parity!, "tiny_kquant.gguf"));
    const reference = JSON.parse(await readFile(join(parity!, "tiny_kquant_ref.json"), "utf8"));
    expect(await checkpoint.read("ref.f32.weight", "f32")).toEqual(Float32Array.from(reference.ref_f32));
    let compared = 0;
    for (const [dtype, expected] of Object.entries(reference.dequant as Record<string, number[]>)) {
      const passed = blocks.begin(expected.length);
      expect(checkpoint.spec(`kq.${dtype}.weight`).dtype).toBe(dtype);
      expect([dtype, ...(await checkpoint.read(`kq.${dtype}.weight`, "f32"))]).toEqual([dtype, ...expected]);
      compared += expected.length;
      passed();
    }
    await checkpoint.close();
    expect(compared).toBe(4096);
  });

  it("hold the weights of the safetensors file they were made of", async () => {
    const names = { attn_v: "self_attn.v_proj", attn_output: "self_attn.o_proj", ffn_down: "mlp.down_proj" };
    let compared = 0;
    for (const [file, origin, bound] of [
      ["tiny_llama_f32", "tiny_llama", 0],
      ["tiny_llama_f16", "tiny_llama", 2 ** -11],
      ["tiny_llama_q8", "tiny_llama_q8", 1 / 127],
    ] as const) {
      const checkpoint = await openCheckpoint(join(parity!, `${file}.gguf`));
      const original = await openCheckpoint(join(parity!, `${origin}.safetensors`));
      for (const layer of [0, 1]) {
        for (const [name, hf] of Object.entries(names)) {
          const passed = weights.begin(1);
          const read = await checkpoint.read(`blk.${layer}.${name}.weight`, "f32");
          const expected = await original.read(`model.layers.${layer}.${hf}.weight`, "f32");
          const most = expected.reduce((larger, each) => Math.max(larger, Math.abs(each)), 0);
          expect(read.every((each, at) => Math.abs(each - expected[at]!) <= most * bound)).toBe(true);
          compared++;
          passed();
        }
      }
      await Promise.all([checkpoint.close(), original.close()]);
    }
    expect(compared).toBe(18);
  });
});

it.skipIf(random === null)("a GGUF file with a whole vocabulary opens", async () => {
  const checkpoint = await openCheckpoint(random!);
  const vocabulary = ggufVocabularyOf(checkpoint)!;
  expect([vocabulary.model, vocabulary.tokens.length, vocabulary.tokens[1]]).toEqual(["llama", 32000, "<s>"]);
  expect([vocabulary.scores!.length, vocabulary.tokenTypes![3]]).toEqual([32000, 6]);
  expect([vocabulary.bosTokenId, vocabulary.eosTokenId, vocabulary.unknownTokenId]).toEqual([1, 2, 0]);
  expect(checkpoint.spec("output.weight")).toEqual({ dtype: "F16", shape: [32000, 8] });
  expect((await checkpoint.read("output.weight", "f32")).every(Number.isFinite)).toBe(true);
  await checkpoint.close();
});
