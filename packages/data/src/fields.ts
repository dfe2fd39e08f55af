// Fields of a row by type, each refusal naming the field and what it holds. It does not know what the fields are for.
import type { DataError } from "./data-error.ts";
import { isObject, malformedRow, type Row } from "./row.ts";

function describe(value: unknown): string {
  if (value === undefined) return "missing";
  if (typeof value === "string") return `the text ${JSON.stringify(value.slice(0, 40))}`;
  if (typeof value === "number" || typeof value === "boolean" || value === null) return String(value);
  return Array.isArray(value) ? `a list of ${value.length}` : isObject(value) ? "an object" : `a ${typeof value}`;
}

/** The error for a field that is not as its format says. */
export function malformedField(row: Row, field: string, required: string, value: unknown): DataError {
  return malformedRow(row, `${field} must be ${required} but is ${describe(value)}`, field);
}

/** A text. */
export function parseText(row: Row, field: string, value: unknown = row.fields[field]): string {
  if (typeof value !== "string") throw malformedField(row, field, "a text", value);
  return value;
}

/** A text, or null where the field is missing or null. */
export function parseOptionalText(row: Row, field: string, value: unknown = row.fields[field]): string | null {
  return value === undefined || value === null ? null : parseText(row, field, value);
}

/** A list of texts of at least one. */
export function parseTexts(row: Row, field: string, value: unknown = row.fields[field]): readonly string[] {
  if (!Array.isArray(value) || value.length === 0) throw malformedField(row, field, "a list of texts", value);
  return value.map((each, index) => parseText(row, `${field}[${index}]`, each));
}

/** true or false. */
export function parseBoolean(row: Row, field: string, value: unknown = row.fields[field]): boolean {
  if (typeof value !== "boolean") throw malformedField(row, field, "true or false", value);
  return value;
}

/** A finite number. */
export function parseNumber(row: Row, field: string, value: unknown = row.fields[field]): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw malformedField(row, field, "a number", value);
  return value;
}

/** An integer of a range, ends included. */
export function parseInteger(row: Row, field: string, min: number, max: number = Number.MAX_SAFE_INTEGER): number {
  const value = row.fields[field];
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    throw malformedField(row, field, `an integer ${range}`, value);
  }
  return value as number;
}
