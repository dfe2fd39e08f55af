// A row of a data file and its place, whatever file it is from. It does not know what a row should hold.
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
