// Rows of JSON files: lines of JSONL or items of an array, compressed or not, told apart by their first character.
// It does not know what a row should hold.
import { FileError, parseJson, readLines, readText } from "@dual-head/bytes";
import { DataError } from "./data-error.ts";

/** A JSON object and its place. */
export interface Row {
  readonly path: string;
  /** Line counted from 1, where the row begins; null inside an array. */
  readonly line: number | null;
  /** Row counted from 1. */
  readonly row: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Whether a JSON value is an object. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The error for a row that is not as its format says; the field is named where one is to blame. */
export function malformedRow({ path, line, row }: Row, required: string, field: string | null = null): DataError {
  return new DataError(path, `${required}, repair the row or name the right format`, { line, row, field });
}

function createRow(value: unknown, path: string, line: number | null, row: number): Row {
  if (!isObject(value)) throw new DataError(path, "a row must be a JSON object", { line, row });
  return { path, line, row, fields: value };
}

function parseAt(text: string, path: string, line: number | null): unknown {
  try {
    return parseJson(text, path);
  } catch (cause) {
    if (!(cause instanceof FileError)) throw cause;
    const detail = cause.message.slice(cause.message.indexOf(": ") + 2);
    throw new DataError(path, detail, { line: line ?? cause.line, cause });
  }
}

function* parseArray(text: string, path: string): Generator<Row, void, undefined> {
  const items = parseAt(text, path, null);
  if (!Array.isArray(items)) throw new DataError(path, "it must be an array of rows, or one row a line");
  for (const [index, item] of items.entries()) yield createRow(item, path, null, index + 1);
}

/**
 * Reads the rows of a `.jsonl` or `.json` file, gzip undone; a file that begins with `[` is an array.
 *
 * Lines are read one at a time, so JSONL of any size fits; blank lines are passed over.
 *
 * @throws DataError that names the line or row
 * @throws FileError where the file cannot be read, decompressed or decoded
 */
export async function* readRows(path: string): AsyncGenerator<Row, void, undefined> {
  let line = 0;
  let row = 0;
  for await (const text of readLines(path)) {
    line++;
    const start = text.trimStart()[0];
    if (start === undefined) continue;
    if (row === 0 && start === "[") {
      yield* parseArray(await readText(path), path);
      return;
    }
    if (row === 0 && text.startsWith("PAR1")) {
      throw new DataError(path, "it is Parquet, which is not read here, convert it to JSONL");
    }
    yield createRow(parseAt(text, path, line), path, line, ++row);
  }
}

/**
 * Whether a file is neither JSON nor Parquet, told by its first character: what is left is CSV.
 *
 * @throws FileError where it cannot be read, decompressed or decoded
 */
export async function isCsv(path: string): Promise<boolean> {
  for await (const text of readLines(path)) {
    const start = text.trimStart()[0];
    if (start !== undefined) return start !== "{" && start !== "[" && !text.startsWith("PAR1");
  }
  return false;
}

/**
 * Reads every row as one item, in order.
 *
 * @throws DataError where a row is malformed or there is none
 * @throws FileError where the file cannot be read
 */
export async function readItems<Item>(
  rows: AsyncIterable<Row>,
  path: string,
  read: (row: Row) => Item,
): Promise<readonly Item[]> {
  const items: Item[] = [];
  for await (const row of rows) items.push(read(row));
  if (items.length === 0) throw new DataError(path, "it has no rows, name a file with data");
  return items;
}
