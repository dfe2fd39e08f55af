// The safetensors format: published verdicts, round trips, every rule on its own, and thousands of damaged files.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memorySource } from "@dual-head/bytes";
import { countVectors, sharedAsset } from "@dual-head/repo-tools";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  CheckpointError,
  encodeSafetensors,
  openSafetensors,
  parseSafetensorsHeader,
  SafetensorsError,
  type StoredTensor,
  writeSafetensors,
} from "./index.ts";

function withHeader(header: string | Uint8Array, dataSize = 0): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + dataSize);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

function ruleOf(bytes: Uint8Array): string {
  try {
    parseSafetensorsHeader(bytes, bytes.length);
    return "ok";
  } catch (error) {
    expect(error).toBeInstanceOf(SafetensorsError);
    return (error as SafetensorsError).rule;
  }
}

const vectors = sharedAsset("data/conformance/safetensors/safetensors_vectors.json");

describe.skipIf(vectors === null)("the reference implementation's own vectors", () => {
  const cases = vectors === null ? [] : JSON.parse(readFileSync(vectors, "utf8")).cases;
  const expectedRules: Readonly<Record<string, readonly string[]>> = {
    ok: ["ok"],
    "error:MetadataIncompleteBuffer": ["coverage", "offsets"],
    "error:HeaderTooLarge": ["header-size"],
    "error:HeaderTooSmall": ["file-size"],
    "error:InvalidHeaderLength": ["header-size"],
    "error:InvalidHeader": ["utf8"],
    "error:InvalidHeaderDeserialization": ["json"],
    "error:TensorInvalidInfo": ["byte-size", "offsets"],
    "error:ValidationOverflow": ["shape"],
  };
  const judged = countVectors("the reference's verdicts, safetensors");
  for (const { name, hex, expect: verdict } of cases as { name: string; hex: string; expect: string }[]) {
    it(`${name}: ${verdict}`, () => {
      const passed = judged.begin(1);
      expect(expectedRules[verdict]).toContain(ruleOf(Uint8Array.from(Buffer.from(hex, "hex"))));
      passed();
    });
  }
});

describe("parseSafetensorsHeader()", () => {
  const entry = (begin: number, end: number, shape: unknown = [end - begin], dtype: unknown = "U8") =>
    JSON.stringify({ dtype, shape, data_offsets: [begin, end] });
  const cases: readonly [string, string, number, string][] = [
    ["side by side, in any order of the header", `{"b":${entry(3, 5)},"a":${entry(0, 3)}}`, 5, "ok"],
    ["empty", "{}", 0, "ok"],
    [
      "a tensor of no elements between two others",
      `{"a":${entry(0, 2)},"n":${entry(2, 2)},"b":${entry(2, 5)}}`,
      5,
      "ok",
    ],
    ["a name that objects inherit", `{"__proto__":${entry(0, 2)},"toString":${entry(2, 5)}}`, 5, "ok"],
    ["metadata", `{"__metadata__":{"a":"b"},"a":${entry(0, 2)}}`, 2, "ok"],
    ["an array", "[]", 0, "object"],
    ["a byte order mark", "\ufeff{}", 0, "json"],
    ["a key used twice", `{"a":${entry(0, 2)},"a":${entry(0, 2)}}`, 2, "duplicate-key"],
    ["metadata that is not strings", `{"__metadata__":{"a":1}}`, 0, "metadata"],
    ["metadata that is no object", `{"__metadata__":null}`, 0, "metadata"],
    ["an entry that is no object", `{"a":null}`, 0, "entry"],
    ["an unknown dtype", `{"a":${entry(0, 2, [2], "Q4")}}`, 2, "dtype"],
    ["no dtype", `{"a":{"shape":[2],"data_offsets":[0,2]}}`, 2, "dtype"],
    ["a negative extent", `{"a":${entry(0, 2, [-2])}}`, 2, "shape"],
    ["a fractional extent", `{"a":${entry(0, 2, [0.5])}}`, 2, "shape"],
    ["a shape that is no list", `{"a":${entry(0, 2, 2)}}`, 2, "shape"],
    ["a shape whose product overflows", `{"a":${entry(0, 2, [2 ** 40, 2 ** 40, 0.0])}}`, 2, "byte-size"],
    ["a shape too large to count", `{"a":${entry(0, 2, [2 ** 40, 2 ** 40])}}`, 2, "shape"],
    ["one offset", `{"a":{"dtype":"U8","shape":[2],"data_offsets":[0]}}`, 2, "offsets"],
    ["offsets in reverse", `{"a":{"dtype":"U8","shape":[0],"data_offsets":[2,0]}}`, 2, "offsets"],
    ["an end past the file", `{"a":${entry(0, 3)}}`, 2, "offsets"],
    ["too few bytes for the shape", `{"a":${entry(0, 2, [3])}}`, 2, "byte-size"],
    ["bits that fill no byte", `{"a":${entry(0, 2, [3], "F4")}}`, 2, "byte-size"],
    ["packed nibbles", `{"a":${entry(0, 2, [2, 2], "F4")}}`, 2, "ok"],
    ["overlap", `{"a":${entry(0, 3)},"b":${entry(2, 5)}}`, 5, "overlap"],
    ["a gap", `{"a":${entry(0, 2)},"b":${entry(3, 5)}}`, 5, "gap"],
    ["a gap at the start", `{"a":${entry(1, 2)}}`, 2, "gap"],
    ["bytes after the last tensor", `{"a":${entry(0, 2)}}`, 5, "coverage"],
  ];
  for (const [name, header, dataSize, rule] of cases) {
    it(`judges ${name}: ${rule}`, () => expect(ruleOf(withHeader(header, dataSize))).toBe(rule));
  }

  it("names the byte of a gap and the file", () => {
    const bytes = withHeader(`{"a":${entry(1, 2)}}`, 2);
    expect(() => parseSafetensorsHeader(bytes, bytes.length, "m.safetensors")).toThrow(
      expect.objectContaining({
        path: "m.safetensors",
        byte: bytes.length - 2,
        message: expect.stringContaining("1 bytes"),
      }),
    );
  });

  it("asks for the whole header when given less", () => {
    const bytes = withHeader("{}   ");
    expect(() => parseSafetensorsHeader(bytes.subarray(0, 9), bytes.length)).toThrow(RangeError);
  });
});

const shape = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 });
const tensor: fc.Arbitrary<StoredTensor> = shape.chain((extents): fc.Arbitrary<StoredTensor> => {
  const count = extents.reduce((product, extent) => product * extent, 1);
  const length = { minLength: count, maxLength: count };
  return fc.oneof(
    fc.float32Array(length).map((data): StoredTensor => ({ dtype: "F32", shape: extents, data })),
    fc.float64Array(length).map((data): StoredTensor => ({ dtype: "F64", shape: extents, data })),
    fc.uint16Array(length).map((data): StoredTensor => ({ dtype: "BF16", shape: extents, data })),
    fc.uint16Array(length).map((data): StoredTensor => ({ dtype: "F16", shape: extents, data })),
    fc.bigInt64Array(length).map((data): StoredTensor => ({ dtype: "I64", shape: extents, data })),
    fc.uint8Array(length).map((data): StoredTensor => ({ dtype: "U8", shape: extents, data })),
  );
});
const name = fc.string({ unit: "grapheme", maxLength: 11 }).filter((text) => text !== "__metadata__");
const tensors = fc.dictionary(name, tensor, { maxKeys: 5, noNullPrototype: true });
const metadata = fc.dictionary(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), {
  maxKeys: 3,
  noNullPrototype: true,
});

describe("writeSafetensors()", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "dual-head-safetensors-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  it("gives the same file for deferred tensors, as arrays or as bytes, one at a time", async () => {
    const path = join(folder, "deferred.safetensors");
    const values = Float32Array.of(1, 2, 3, 5, 7, 11);
    const halves = Uint16Array.of(0x3c00, 0x4000);
    const eager = {
      b: { dtype: "F32", shape: [2, 3], data: values },
      a: { dtype: "BF16", shape: [2], data: halves },
    } as const;
    const asked: string[] = [];
    const ask = <Data>(name: string, data: Data): Data => {
      asked.push(name);
      return data;
    };
    await writeSafetensors(path, {
      a: { ...eager.a, data: async () => ask("a", new Uint8Array(halves.buffer)) },
      b: { ...eager.b, data: async () => ask("b", values) },
    });
    expect(new Uint8Array(await readFile(path))).toEqual(encodeSafetensors(eager));
    expect(asked).toEqual(["b", "a"]);
  });
  it("refuses deferred data of another length and leaves no file", async () => {
    const path = join(folder, "refused.safetensors");
    for (const data of [new Float32Array(5), new Uint8Array(23), new Uint32Array(6)]) {
      const tensor = { dtype: "F32" as const, shape: [2, 3], data: async () => data };
      await expect(writeSafetensors(path, { tensor })).rejects.toThrow(CheckpointError);
    }
    await expect(readFile(path)).rejects.toThrow("ENOENT");
  });
});

describe("encodeSafetensors()", () => {
  it("is undone by reading, byte for byte, whatever the tensors", async () => {
    await fc.assert(
      fc.asyncProperty(tensors, metadata, async (given, notes) => {
        const checkpoint = await openSafetensors(memorySource(encodeSafetensors(given, notes), "memory"));
        expect(checkpoint.names).toEqual(Object.keys(given).sort());
        expect(checkpoint.metadata).toEqual(notes);
        for (const [key, { dtype, shape: extents, data }] of Object.entries(given)) {
          expect(checkpoint.spec(key)).toEqual({ dtype, shape: extents });
          expect(await checkpoint.readRaw(key)).toEqual(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
        }
      }),
      { seed: 51, numRuns: 150 },
    );
  });

  it("gives the same bytes for the same tensors in another order, aligned to their elements", () => {
    fc.assert(
      fc.property(tensors, metadata, (given, notes) => {
        const bytes = encodeSafetensors(given, notes);
        const reverse = <Value>(record: Record<string, Value>) => Object.fromEntries(Object.entries(record).reverse());
        expect(encodeSafetensors(reverse(given), reverse(notes))).toEqual(bytes);
        const { tensors: entries } = parseSafetensorsHeader(bytes, bytes.length);
        for (const [key, { begin }] of entries) expect(begin % given[key]!.data.BYTES_PER_ELEMENT).toBe(0);
      }),
      { seed: 52, numRuns: 100 },
    );
  });

  it("keeps its bytes from one version to the next", () => {
    const data = Float32Array.of(1, -2, 0.5, 3, 5, 7);
    const bytes = encodeSafetensors({ b: { dtype: "F32", shape: [2, 3], data } }, { z: "1", a: "2" });
    // Golden value of this writer, version 0.1.0.
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(
      "6c9846246d409a45a262d55b6180962af0666dca78ca4a9243584f5ea87ff72b",
    );
  });

  it("refuses an array that fits neither dtype nor shape", () => {
    const refused: readonly StoredTensor[] = [
      { dtype: "F16", shape: [3], data: new Float32Array(3) },
      { dtype: "F32", shape: [2], data: new Float32Array(3) },
      { dtype: "F32", shape: [-1], data: new Float32Array(0) },
      { dtype: "C64", shape: [1], data: new Float32Array(2) },
    ];
    for (const each of refused) expect(() => encodeSafetensors({ w: each })).toThrow(CheckpointError);
    const reserved = { __metadata__: { dtype: "F32", shape: [], data: new Float32Array(1) } } as const;
    expect(() => encodeSafetensors(reserved)).toThrow(/reserved/);
  });
});
