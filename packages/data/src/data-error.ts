// The one error of this package: which file, which line or row, which field, and what was required.

/**
 * A data file is malformed, empty, or of another format; carries the path and, where known, the line, the row and the
 * field.
 */
export class DataError extends Error {
  override readonly name: string = "DataError";
  /** The file, or the files where none is to blame alone. */
  readonly path: string;
  /** Line counted from 1, where the row begins; null inside a JSON array and in Parquet, whose rows have no lines. */
  readonly line: number | null;
  /** Row counted from 1, or null where it concerns no row. */
  readonly row: number | null;
  /** The field or column as the file spells it, with the place inside (`choices[0].turns`); null for no single one. */
  readonly field: string | null;

  constructor(
    path: string,
    reason: string,
    place: {
      readonly line?: number | null;
      readonly row?: number | null;
      readonly field?: string | null;
      readonly cause?: unknown;
    } = {},
  ) {
    const line = place.line ?? null;
    const row = place.row ?? null;
    const where = line !== null ? `, line ${line}` : row !== null ? `, row ${row}` : "";
    super(`Cannot read ${path}${where}: ${reason}`, place.cause === undefined ? undefined : { cause: place.cause });
    this.path = path;
    this.line = line;
    this.row = row;
    this.field = place.field ?? null;
  }
}
