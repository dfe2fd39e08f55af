// Rows of CSV as RFC 4180 has it: a header of names, quoted fields with line feeds inside. Every value is a text.
// It does not know what the columns mean; quoting is csv-parse's work.
import { readText } from "@dual-head/bytes";
import { parse } from "csv-parse/sync";
import { DataError } from "./data-error.ts";
import type { Row } from "./row.ts";

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** Records with the line each begins on, counted here since the parser counts a quoted CR LF as two lines. */
function parseRecords(text: string, path: string): readonly { readonly line: number; readonly values: string[] }[] {
  const bytes = new TextEncoder().encode(text);
  const records: { line: number; values: string[] }[] = [];
  let line = 1;
  let end = 0;
  const passBlankLines = (): void => {
    for (; bytes[end] === lineFeed || bytes[end] === carriageReturn; end++) if (bytes[end] === lineFeed) line++;
  };
  try {
    parse(text, {
      record_delimiter: ["\r\n", "\n"],
      skip_empty_lines: true,
      relax_column_count: true,
      on_record: (values: string[], context) => {
        passBlankLines();
        records.push({ line, values });
        for (; end < context.bytes; end++) if (bytes[end] === lineFeed) line++;
        return null;
      },
    });
  } catch (cause) {
    passBlankLines();
    const detail = cause instanceof Error ? cause.message.split(":")[0]!.toLowerCase() : String(cause);
    throw new DataError(path, `it is not CSV (${detail}), repair the quotes of the row that begins here`, {
      line,
      row: Math.max(1, records.length),
      cause,
    });
  }
  return records;
}

/**
 * Parses CSV with a header; blank lines are passed over.
 *
 * @param path the file the text is of, for messages
 * @throws DataError where quotes do not match, the header names a column twice or a row has more or fewer fields than it
 */
export function* parseCsv(text: string, path: string): Generator<Row, void, undefined> {
  const [header, ...records] = parseRecords(text, path);
  if (header === undefined) return;
  const names = header.values;
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new DataError(path, `the header names the column ${JSON.stringify(twice)} twice, rename one`, {
      line: header.line,
      field: twice,
    });
  }
  for (const [index, { line, values }] of records.entries()) {
    const row = index + 1;
    if (values.length !== names.length) {
      const reason = `the row has ${values.length} fields but the header has ${names.length}, repair the row`;
      throw new DataError(path, reason, { line, row });
    }
    yield { path, line, row, fields: Object.fromEntries(names.map((name, column) => [name, values[column]!])) };
  }
}

/**
 * Reads a CSV file with a header, gzip undone.
 *
 * @throws DataError where it is malformed, see {@link parseCsv}
 * @throws FileError where the file cannot be read, decompressed or decoded
 */
export async function* readCsvRows(path: string): AsyncGenerator<Row, void, undefined> {
  yield* parseCsv(await readText(path), path);
}
