// What a file says once only: a key seen before is an error that names both rows.
import { malformedRow, type Row } from "../row.ts";

/** A check that throws where a row's key was seen before. */
export function createUniqueCheck(field: string): (row: Row, key: string) => void {
  const seen = new Map<string, Row>();
  return (row, key) => {
    const first = seen.get(key);
    if (first !== undefined) {
      const place = first.line === null ? `row ${first.row}` : `line ${first.line}`;
      throw malformedRow(row, `${field} ${key} must be used once but ${place} has it`, field);
    }
    seen.set(key, row);
  };
}
