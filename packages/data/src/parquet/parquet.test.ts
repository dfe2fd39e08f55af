// Parquet as a container: rows of every format read back, the conformance files, damaged files, places of errors.
import { readFile } from "node:fs/promises";
import { FileError, memorySource, readText } from "@dual-head/bytes";
import { sharedAsset } from "@dual-head/repo-tools";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import { parseCsv } from "../csv.ts";
import {
  DataError,
  readAlpacaEval,
  readMtBenchAnswers,
  readMtBenchQuestions,
  readPreferences,
  readSft,
  readTruthfulQa,
} from "../index.ts";
import type { Row } from "../row.ts";
import { damaged } from "../testing/damaged.ts";
import { createDataFolder, toJsonl } from "../testing/data-folder.ts";
import { parseParquet, readParquetRows } from "./read-rows.ts";

const createFile = createDataFolder();

type Fields = Readonly<Record<string, unknown>>;
type Schema = NonNullable<Parameters<typeof parquetWriteBuffer>[0]["schema"]>;
type Codec = NonNullable<Parameters<typeof parquetWriteBuffer>[0]["codec"]>;

function textSchema(name: string): Schema {
  return [{ name, type: "BYTE_ARRAY", repetition_type: "OPTIONAL", converted_type: "UTF8" }];
}

function columnSchema(name: string, value: unknown): Schema {
  if (typeof value === "string") return textSchema(name);
  if (typeof value === "boolean") return [{ name, type: "BOOLEAN", repetition_type: "OPTIONAL" }];
  if (Number.isInteger(value)) return [{ name, type: "INT64", repetition_type: "OPTIONAL" }];
  if (typeof value === "number") return [{ name, type: "DOUBLE", repetition_type: "OPTIONAL" }];
  if (Array.isArray(value)) {
    return [
      { name, repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST" },
      { name: "list", repetition_type: "REPEATED", num_children: 1 },
      ...columnSchema("element", value[0]),
    ];
  }
  const entries = Object.entries(value as Fields);
  const fields = entries.flatMap(([key, each]) => columnSchema(key, each));
  return [{ name, repetition_type: "OPTIONAL", num_children: entries.length }, ...fields];
}

/** A value as the writer wants it: integers, where the sample is one, as bigints. */
function toWritten(value: unknown, sample: unknown): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isInteger(sample) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map((each) => toWritten(each, (sample as readonly unknown[])[0]));
  const entries = Object.entries(value as Fields);
  return Object.fromEntries(entries.map(([key, each]) => [key, toWritten(each, (sample as Fields)[key])]));
}

/** Rows as another hand writes Parquet; the first must have every field, with something in its lists. */
function toParquet(
  rows: readonly Fields[],
  options: { readonly codec?: Codec; readonly rowGroupSize?: number } = {},
): Uint8Array<ArrayBuffer> {
  const columns = Object.entries(rows[0]!).map(([name, sample]) => ({
    name,
    data: rows.map((row) => toWritten(row[name], sample)),
  }));
  const schema = Object.entries(rows[0]!).flatMap(([name, sample]) => columnSchema(name, sample));
  return new Uint8Array(
    parquetWriteBuffer({
      columnData: columns,
      schema: [{ name: "root", num_children: columns.length }, ...schema],
      ...options,
    }),
  );
}

async function collect(rows: AsyncIterable<Row>): Promise<readonly Row[]> {
  const list: Row[] = [];
  for await (const row of rows) list.push(row);
  return list;
}

const say = (role: string, content: string) => ({ role, content });
const rows = {
  hh: { chosen: "\n\nHuman: a\n\nAssistant: b", rejected: "\n\nHuman: a\n\nAssistant: c" },
  pku: {
    prompt: "a",
    response_0: "b",
    response_1: "c",
    is_response_0_safe: true,
    is_response_1_safe: false,
    better_response_id: 1,
    safer_response_id: 0,
  },
  trl: { prompt: [say("user", "a")], chosen: [say("assistant", "b")], rejected: [say("assistant", "c")] },
  shareGpt: {
    conversations: [{ from: "human", value: "a" }],
    chosen: { from: "gpt", value: "b" },
    rejected: { from: "gpt", value: "c" },
  },
  kto: { messages: [say("user", "a"), say("assistant", "b")], label: true },
  question: { question_id: 81, category: "writing", turns: ["a", "b"], reference: ["c", "d"] },
  answer: { question_id: 81, model_id: "m", choices: [{ index: 0, turns: ["a", "b"] }], tstamp: 0.5 },
  truthful: {
    type: "Adversarial",
    category: "Food",
    question: "Why?",
    best_answer: "Because",
    correct_answers: ["Because", "So; it is"],
    incorrect_answers: ["No"],
    source: "a book",
  },
  annotation: {
    instruction: "a",
    output_1: "b",
    generator_1: "c",
    output_2: "d",
    generator_2: "e",
    preference: 1.5,
  },
};

describe("Parquet", () => {
  it("gives what the same rows give as JSONL, for every format", async () => {
    type Case = readonly [(path: string) => Promise<unknown>, Readonly<Record<string, unknown>>];
    const cases: readonly Case[] = [
      ...[rows.hh, rows.pku, rows.trl, rows.shareGpt].map((row): Case => [readPreferences, row]),
      [(path) => readPreferences(path, { label: "safer" }), rows.pku],
      [readSft, rows.kto],
      [readMtBenchQuestions, rows.question],
      [readMtBenchAnswers, rows.answer],
      [readTruthfulQa, rows.truthful],
      [readAlpacaEval, rows.annotation],
    ];
    for (const [read, row] of cases) {
      const expected = await read(await createFile("rows.jsonl", toJsonl([row])));
      expect(await read(await createFile("rows.parquet", toParquet([row])))).toEqual(expected);
    }
  });

  it("reads back what is written, in order, over row groups, with nulls and empty lists", async () => {
    const text = fc.string({ unit: "grapheme" });
    const row = fc.record({
      text: fc.option(text),
      number: fc.maxSafeInteger(),
      real: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0.5),
      flag: fc.boolean(),
      texts: fc.array(text, { maxLength: 4 }),
      messages: fc.array(fc.record({ role: text, content: fc.option(text) }), { maxLength: 3 }),
    });
    const first = { text: "é", number: 1, real: 0.5, flag: true, texts: ["a"], messages: [say("user", "b")] };
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 8 }),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom("SNAPPY" as const, "UNCOMPRESSED" as const),
        async (others, rowGroupSize, codec) => {
          const all = [first, ...others];
          const bytes = toParquet(all, { rowGroupSize, codec });
          const read = await collect(parseParquet(memorySource(bytes, "x.parquet")));
          expect(read.map(({ fields }) => fields)).toEqual(all);
          expect(read.map((each) => each.row)).toEqual(all.map((_, index) => index + 1));
        },
      ),
      { seed: 151, numRuns: 150 },
    );
  });

  it("names the row and the field of what is malformed, and the column of what is damaged", async () => {
    const bad = await createFile("bad.parquet", toParquet([rows.pku, { ...rows.pku, better_response_id: 2 }]));
    const place = { name: "DataError", path: bad, line: null, row: 2, field: "better_response_id" };
    await expect(readPreferences(bad)).rejects.toMatchObject(place);
    const sound = toParquet([{ prompt: "one text", chosen: "two" }], { codec: "UNCOMPRESSED" });
    const damage = (from: string, to: string) => {
      const text = String.fromCharCode(...sound).replace(from, to);
      return collect(
        parseParquet(
          memorySource(
            Uint8Array.from(text, (unit) => unit.charCodeAt(0)),
            "x.parquet",
          ),
        ),
      );
    };
    await expect(damage("one text", "one te\xfft")).rejects.toMatchObject({ name: "DataError", field: "prompt" });
    await expect(damage("two", "\xc3\x28o")).rejects.toMatchObject({ name: "DataError", field: "chosen" });
    for (const size of [0, 4, 11, 12, sound.length - 1]) {
      const cut = memorySource(sound.slice(0, size), "x.parquet");
      await expect(collect(parseParquet(cut))).rejects.toThrow(DataError);
    }
  });

  it("gives typed errors for 10,000 damaged files", async () => {
    const sound = [rows.pku, rows.trl, rows.question].map((row) => toParquet([row, row, row], { rowGroupSize: 2 }));
    await fc.assert(
      fc.asyncProperty(damaged(...sound), async (bytes) => {
        await collect(parseParquet(memorySource(bytes, "x.parquet"))).catch((error) => {
          if (!(error instanceof DataError || error instanceof FileError)) throw error;
        });
      }),
      { seed: 152, numRuns: 10_000 },
    );
  });
});

const folder = sharedAsset("data/conformance/parquet");

/** Every file that keeps to the format, with its rows and a part of its first one. */
const good: Readonly<Record<string, readonly [number, object]>> = {
  alltypes_dictionary: [2, { id: 0, bool_col: true, double_col: 0 }],
  alltypes_plain: [8, { id: 4, bool_col: true, bigint_col: 0 }],
  "alltypes_plain.snappy": [2, { id: 6, bool_col: true, bigint_col: 0 }],
  // Its README counts it among the bad ones since it crashed readers; indices of 0 bits are in order.
  "ARROW-GH-43605": [21186, { min_fl: 0 }],
  "byte_stream_split.zstd": [300, { f32: 1.764052391052246, f64: -1.3065268517353166 }],
  concatenated_gzip_members: [513, { long_col: 1 }],
  "datapage_v2.snappy": [5, { a: "abc", b: 1, c: 2, d: true, e: [1, 2, 3] }],
  delta_binary_packed: [200, { bitwidth0: 6374628540732951412n, bitwidth1: 0 }],
  delta_byte_array: [1000, { c_customer_id: "AAAAAAAAIODAAAAA", c_login: null }],
  delta_length_byte_array: [1000, { FRUIT: "apple_banana_mango0" }],
  int32_with_null_pages: [1000, { int32_field: -654807448 }],
  list_columns: [3, { int64_list: [1, 2, 3], utf8_list: ["abc", "efg", "hij"] }],
  lz4_raw_compressed: [4, { c0: 1593604800, v11: 42 }],
  "nested_lists.snappy": [
    3,
    {
      a: [
        [["a", "b"], ["c"]],
        [null, ["d"]],
      ],
      b: 1,
    },
  ],
  null_list: [1, { emptylist: [] }],
  "nullable.impala": [7, { id: 1, int_array: [1, 2, 3], int_map: { k1: 1, k2: 100 } }],
  "nulls.snappy": [8, { b_struct: { b_c_int: null } }],
  rle_boolean_encoding: [68, { datatype_boolean: true }],
  "wildchat-if_val": [250, { data_source: "wildchat-if" }],
};

/** Every file that does not, with what is said of it. */
const bad: Readonly<Record<string, RegExp>> = {
  "ARROW-GH-41317": /column timestamp_us_no_tz of row group 1: it has 0 values but its footer says 3/,
  "ARROW-GH-45185": /column x of row group 1: a column begins in the middle of a row/,
  "ARROW-RS-GH-6229-DICTHEADER": /column name of row group 1: a dictionary of -26 values has 277 bytes/,
  "ARROW-RS-GH-6229-LEVELS": /column outer of row group 1: a page has 21 values where 1 are left/,
  "PARQUET-1481": /its footer is damaged/,
  "datapage_v1-corrupt-checksum": /column a of row group 1: the checksum of a page is wrong/,
  "rle-dict-uncompressed-corrupt-checksum": /column long_field of row group 1: the checksum of a page is wrong/,
};

describe.skipIf(folder === null)("Parquet's conformance files", () => {
  const read = (name: string) => collect(readParquetRows(`${folder}/${name}.parquet`));

  it("are read where they are good", async () => {
    for (const [name, [rowCount, first]] of Object.entries(good)) {
      const list = await read(name);
      expect([name, list.length]).toEqual([name, rowCount]);
      expect(list[0]!.fields).toMatchObject(first);
    }
  });

  it("are refused with a reason where they are bad", async () => {
    for (const [name, reason] of Object.entries(bad)) {
      await expect(read(name)).rejects.toMatchObject({ name: "DataError", message: expect.stringMatching(reason) });
    }
  });

  it("hold the values that were written beside them", async () => {
    for (const name of ["delta_binary_packed", "delta_byte_array"]) {
      const path = `${folder}/${name}_expect.csv`;
      const expected = [...parseCsv(await readText(path), path)];
      const text = (value: unknown): string => (value === null ? "" : String(value));
      const list = await read(name);
      expect(list.map(({ fields }) => Object.values(fields).map(text))).toEqual(
        expected.map(({ fields }) => Object.values(fields)),
      );
    }
  });

  it("give typed errors when damaged, for every codec, encoding and nesting", async () => {
    const names = [
      ...["alltypes_plain.snappy", "concatenated_gzip_members", "datapage_v2.snappy", "delta_length_byte_array"],
      ...["list_columns", "lz4_raw_compressed", "nested_lists.snappy", "nullable.impala", "rle_boolean_encoding"],
    ];
    const sound = await Promise.all(names.map((name) => readFile(`${folder}/${name}.parquet`)));
    await fc.assert(
      fc.asyncProperty(damaged(...sound), async (bytes) => {
        await collect(parseParquet(memorySource(bytes, "x.parquet"))).catch((error) => {
          if (!(error instanceof DataError || error instanceof FileError)) throw error;
        });
      }),
      { seed: 153, numRuns: 1000 },
    );
  });
});
