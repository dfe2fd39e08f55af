// The one error of this package: which file, which line or row, and what was required.

/** A data file is malformed, empty, or of another format; carries the path and, where known, the line and the row. */
export class DataError extends Error {
  override readonly name: string = "DataError";
  /** The file, or the files where none is to blame alone. */
  readonly path: string;
  /** Line counted from 1, or null: in a JSON array rows have no lines of their own. */
  readonly line: number | null;
  /** Row counted from 1, or null where it concerns no row. */
  readonly row: number | null;

  constructor(
    path: string,
    reason: string,
    place: { readonly line?: number | null; readonly row?: number | null; readonly cause?: unknown } = {},
  ) {
    const line = place.line ?? null;
    const row = place.row ?? null;
    const where = line !== null ? `, line ${line}` : row !== null ? `, row ${row}` : "";
    super(`Cannot read ${path}${where}: ${reason}`, place.cause === undefined ? undefined : { cause: place.cause });
    this.path = path;
    this.line = line;
    this.row = row;
  }
}
