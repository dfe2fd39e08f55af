// Rows of Parquet, a row group at a time: the footer checked against the file, columns put together.
// It does not know what the columns mean.
import { type ByteSource, FileError, openFile } from "@dual-head/bytes";
import { type ColumnMetaData, type FileMetaData, parquetMetadata, parquetSchema, type SchemaTree } from "hyparquet";
import { assembleNested } from "hyparquet/src/assemble.js";
import { getTreePath } from "hyparquet/src/schema.js";
import { DataError } from "../data-error.ts";
import type { Row } from "../row.ts";
import { readColumn, strictParsers } from "./read-column.ts";

type Chunk = FileMetaData["row_groups"][number]["columns"][number];

const magic = "PAR1";
const remedy = "fetch or write the file again";

async function readFooter(source: ByteSource): Promise<FileMetaData> {
  const { name, size } = source;
  const isMagic = (bytes: Uint8Array): boolean => String.fromCharCode(...bytes) === magic;
  const end = size < 12 ? new Uint8Array(8) : await source.read(size - 8, 8);
  if (!isMagic(end.subarray(4))) throw new DataError(name, `it does not end as Parquet does, ${remedy}`);
  const length = new DataView(end.buffer).getUint32(0, true);
  if (length > size - 12) throw new DataError(name, `its footer of ${length} bytes is longer than the file, ${remedy}`);
  return parquetMetadata(await source.read(size - 8 - length, length + 8), { geoparquet: false });
}

function leavesOf(node: SchemaTree): readonly SchemaTree[] {
  return node.children.length === 0 ? [node] : node.children.flatMap(leavesOf);
}

function chunksByPath(group: FileMetaData["row_groups"][number]): ReadonlyMap<string, Chunk> {
  return new Map(group.columns.map((chunk) => [chunk.meta_data?.path_in_schema.join(".") ?? "", chunk]));
}

/** The schema as a tree whose columns have names of their own, and row groups that add up. */
function checkSchema(metadata: FileMetaData): SchemaTree {
  const schema = parquetSchema(metadata);
  const names = new Set<string>();
  for (const { element } of schema.children) {
    if (names.has(element.name)) throw new Error(`the column ${element.name} is there twice`);
    names.add(element.name);
  }
  const total = metadata.row_groups.reduce((sum, group) => sum + group.num_rows, 0n);
  if (total !== metadata.num_rows)
    throw new Error(`its row groups have ${total} rows but it says ${metadata.num_rows}`);
  return schema;
}

/** Where a chunk lies and what is said of it, checked against the file and the schema. */
function locateChunk(
  chunk: Chunk | undefined,
  leaf: SchemaTree,
  size: number,
): { readonly meta: ColumnMetaData; readonly start: number; readonly length: number } {
  const meta = chunk?.meta_data;
  if (chunk === undefined || meta === undefined)
    throw new Error("it has no data, or it is encrypted, which is not read");
  if (chunk.file_path !== undefined) throw new Error(`its data is in another file, ${chunk.file_path}`);
  const path = meta.path_in_schema.join(".");
  if (path !== leaf.path.join(".")) throw new Error(`the footer has ${path} in its place`);
  if (leaf.element.type === undefined || meta.type !== leaf.element.type) {
    throw new Error(`its type is ${leaf.element.type} in the schema and ${meta.type} in the footer`);
  }
  const dataStart = Number(meta.data_page_offset);
  const dictionaryStart = Number(meta.dictionary_page_offset ?? 0n);
  const start = dictionaryStart > 0 && dictionaryStart < dataStart ? dictionaryStart : dataStart;
  const length = Number(meta.total_compressed_size);
  if (start < magic.length || length < 0 || start + length > size) {
    throw new Error(`its ${length} bytes at byte ${start} do not lie inside the file`);
  }
  return { meta, start, length };
}

/** Values as JSON would have them, where it can: small integers as numbers, nothing as null. */
function toPlain(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (typeof value !== "object" || value instanceof Uint8Array || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map(toPlain);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, toPlain(each)]));
}

async function readTopColumn(
  source: ByteSource,
  schema: SchemaTree,
  column: SchemaTree,
  chunks: ReadonlyMap<string, Chunk>,
): Promise<readonly unknown[]> {
  const parts = new Map<string, unknown[]>();
  for (const leaf of leavesOf(column)) {
    const path = leaf.path.join(".");
    const { meta, start, length } = locateChunk(chunks.get(path), leaf, source.size);
    const schemaPath = getTreePath(schema, leaf.path);
    if (schemaPath.some(({ element }) => element.logical_type?.type === "VARIANT")) {
      throw new Error("the type VARIANT is not read, write it as text");
    }
    parts.set(path, [...(await readColumn(await source.read(start, length), meta, schemaPath))]);
  }
  if (column.children.length > 0) assembleNested(parts, column, strictParsers);
  return parts.get(column.path.join(".")) ?? [];
}

/**
 * Reads the rows of a Parquet file; integers beyond 2^53 stay bigints, bytes that are not text stay bytes.
 *
 * @throws DataError where it is damaged or uses what is not read (codecs other than snappy, gzip, zstd, brotli and LZ4;
 * encryption; VARIANT), which names the column
 * @throws FileError where the medium fails
 */
export async function* parseParquet(source: ByteSource): AsyncGenerator<Row, void, undefined> {
  const path = source.name;
  const guard = async <Out>(where: string, field: string | null, body: () => Out | Promise<Out>): Promise<Out> => {
    try {
      return await body();
    } catch (cause) {
      if (cause instanceof DataError || (cause instanceof FileError && cause.path === path)) throw cause;
      // What the decoder trips over says nothing to a reader of messages.
      const isPlain = cause instanceof Error && !(cause instanceof TypeError || cause instanceof RangeError);
      const detail = isPlain ? cause.message : "it is not as Parquet has it";
      throw new DataError(path, `${where}${detail}, ${remedy}`, { field, cause });
    }
  };
  const metadata = await guard("its footer is damaged: ", null, () => readFooter(source));
  const schema = await guard("its footer is damaged: ", null, () => checkSchema(metadata));
  let row = 0;
  for (const [index, group] of metadata.row_groups.entries()) {
    const rowCount = Number(group.num_rows);
    const chunks = await guard(`row group ${index + 1}: `, null, () => chunksByPath(group));
    const columns: (readonly [string, readonly unknown[]])[] = [];
    for (const column of schema.children) {
      const { name } = column.element;
      const where = `column ${name} of row group ${index + 1}: `;
      const values = await guard(where, name, () => readTopColumn(source, schema, column, chunks));
      if (values.length !== rowCount) {
        throw new DataError(path, `${where}it has ${values.length} rows but the group has ${rowCount}, ${remedy}`, {
          field: name,
        });
      }
      columns.push([name, values]);
    }
    for (let place = 0; place < rowCount; place++) {
      const fields = Object.fromEntries(columns.map(([name, values]) => [name, toPlain(values[place])]));
      yield { path, line: null, row: ++row, fields };
    }
  }
}

/**
 * Reads a Parquet file, see {@link parseParquet}.
 *
 * @throws DataError where it is damaged
 * @throws FileError where it cannot be read
 */
export async function* readParquetRows(path: string): AsyncGenerator<Row, void, undefined> {
  const source = await openFile(path);
  try {
    yield* parseParquet(source);
  } finally {
    await source.close();
  }
}
