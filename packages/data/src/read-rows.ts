// Rows of a data file whose container is found from what it holds: JSONL, a JSON array or Parquet; CSV where asked for.
// It does not know what a row should hold.
import { openFile, readLines, readText } from "@dual-head/bytes";
import { readCsvRows } from "./csv.ts";
import { parseJsonRows } from "./json-rows.ts";
import { readParquetRows } from "./parquet/read-rows.ts";
import type { Row } from "./row.ts";

async function isParquet(path: string): Promise<boolean> {
  const source = await openFile(path);
  try {
    return String.fromCharCode(...(await source.read(0, Math.min(4, source.size)))) === "PAR1";
  } finally {
    await source.close();
  }
}

async function isJson(path: string): Promise<boolean> {
  for await (const text of readLines(path)) {
    const start = text.trimStart()[0];
    if (start !== undefined) return start === "{" || start === "[";
  }
  return true;
}

/**
 * Reads the rows of a file: JSONL, where lines are read one at a time so that any size fits, a JSON array, or Parquet, a
 * row group at a time; gzip is undone.
 *
 * @param text what a file of text is that does not begin as JSON does: an error of JSON, or CSV with a header
 * @throws DataError that names the line, row or column
 * @throws FileError where the file cannot be read, decompressed or decoded
 */
export async function* readRows(path: string, text: "json" | "csv" = "json"): AsyncGenerator<Row, void, undefined> {
  if (await isParquet(path)) yield* readParquetRows(path);
  else if (text === "json" || (await isJson(path))) yield* parseJsonRows(readLines(path), path, () => readText(path));
  else yield* readCsvRows(path);
}
