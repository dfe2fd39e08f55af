// A row of results: what was measured, on what, and how much; as an object for JSON and as a line for people.
// Knows no benchmark.
import type { Summary } from "./harness.ts";

/** Where and by what a row was measured. */
export interface Setting {
  /** Name of the device. */
  readonly device: string;
  /** Variant of its kernels. */
  readonly kernels: string;
  readonly threads: number;
  /** JavaScript runtime and its version. */
  readonly runtime: string;
  /** Commit of the checkout, marked where files differ from it; null outside one. */
  readonly commit: string | null;
}

/** One measured quantity: the median with quartiles where it was sampled, the number itself where it was counted. */
export interface Row extends Setting, Summary {
  readonly bench: string;
  /** Extents of the problem. */
  readonly shape: string;
  /** Which alternative, or which two for a ratio. */
  readonly variant: string;
  readonly unit: string;
}

/** A row before it is known where it was measured. */
export interface Reading {
  readonly shape: string;
  readonly variant: string;
  readonly unit: string;
  readonly summary: Summary;
}

/** A counted quantity as a summary. */
export function counted(value: number): Summary {
  return { value, low: value, high: value, sampleCount: 1 };
}

const columns: readonly { readonly title: string; readonly right: boolean; readonly text: (row: Row) => string }[] = [
  { title: "bench", right: false, text: (row) => row.bench },
  { title: "shape", right: false, text: (row) => row.shape },
  { title: "device", right: false, text: (row) => `${row.device} ×${row.threads}` },
  { title: "variant", right: false, text: (row) => row.variant },
  { title: "median", right: true, text: (row) => formatNumber(row.value) },
  { title: "unit", right: false, text: (row) => row.unit },
  { title: "quartiles", right: true, text: quartilesOf },
  { title: "samples", right: true, text: (row) => String(row.sampleCount) },
];

function quartilesOf({ low, high, sampleCount }: Row): string {
  return sampleCount === 1 ? "" : `${formatNumber(low)} – ${formatNumber(high)}`;
}

/** A number with about three significant digits and no exponent. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const digits = value === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6));
}

/** Rows as a table with aligned columns, one line each under a line of titles. */
export function formatTable(rows: readonly Row[]): string {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ text }) => text(row)))];
  const widths = columns.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)));
  const lineOf = (line: readonly string[]) =>
    line
      .map((cell, column) => (columns[column]!.right ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join("  ")
      .trimEnd();
  return cells.map(lineOf).join("\n");
}
