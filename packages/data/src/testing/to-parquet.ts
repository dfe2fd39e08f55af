// Rows written as Parquet by another hand: flat values, lists of texts and lists of messages, by the shape of the first row.
import { parquetWriteBuffer } from "hyparquet-writer";

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

/**
 * Writes rows as Parquet.
 *
 * @param rows at least one, whose first has every field, with something in its lists
 * @param options the codec of pages (`SNAPPY` by default) and rows a row group
 */
export function toParquet(
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
