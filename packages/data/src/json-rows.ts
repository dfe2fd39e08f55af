// Rows of JSON files: lines of JSONL or items of an array, told apart by the first character.
// It does not know what a row should hold.
import { FileError, parseJson } from "@dual-head/bytes";
import { DataError } from "./data-error.ts";
import { isObject, type Row } from "./row.ts";

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
 * Parses rows from the lines of a file; one that begins with `[` is an array. Blank lines are passed over.
 *
 * @param readWhole gives the whole text where it is an array
 * @throws DataError that names the line or row
 */
export async function* parseJsonRows(
  lines: AsyncIterable<string> | Iterable<string>,
  path: string,
  readWhole: () => Promise<string>,
): AsyncGenerator<Row, void, undefined> {
  let line = 0;
  let row = 0;
  for await (const text of lines) {
    line++;
    const start = text.trimStart()[0];
    if (start === undefined) continue;
    if (row === 0 && start === "[") {
      yield* parseArray(await readWhole(), path);
      return;
    }
    yield createRow(parseAt(text, path, line), path, line, ++row);
  }
}
