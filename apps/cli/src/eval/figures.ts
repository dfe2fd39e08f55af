// What an evaluation found, as tables, plots and claims: plain data that a report is made of. Knows no way to show it.

/** A number with what is known of its uncertainty. */
export interface Figure {
  readonly value: number;
  /** Ends of the 95 % interval, where there is one. */
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

/** How the figures of a column are written. */
export interface Column {
  readonly name: string;
  /** Digits after the point; 2 by default. */
  readonly digits?: number | undefined;
  /** Shares are written as percentages. */
  readonly isShare?: boolean | undefined;
  /** Depends on the clock, so that it differs from run to run. */
  readonly isClock?: boolean | undefined;
}

/** A row: a figure or a text for each column, and what the paper prints there. */
export interface TableRow {
  readonly label: string;
  readonly cells: readonly (Figure | string | null)[];
  /** One for each column, null where the paper prints none; in the unit of the column. */
  readonly paper?: readonly (string | null)[] | undefined;
}

/** A table of a suite. */
export interface ReportTable {
  readonly title: string;
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly rows: readonly TableRow[];
}

/** Points with intervals in both directions, joined in the order given by series. */
export interface ReportPlot {
  readonly title: string;
  readonly caption: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly { readonly x: Figure; readonly y: Figure; readonly label?: string | undefined }[];
  }[];
}

/** A claim of the paper beside what was seen: whether it held here, or null where it could not be decided. */
export interface Claim {
  readonly statement: string;
  readonly holds: boolean | null;
  readonly evidence: string;
}

/** All that a suite found. */
export interface SuiteReport {
  readonly suite: string;
  readonly title: string;
  readonly tables: readonly ReportTable[];
  readonly plots: readonly ReportPlot[];
  readonly claims: readonly Claim[];
  /** What a reader must know: definitions, what was left out and why. */
  readonly notes: readonly string[];
}

/** A figure as text: `64.8 [59.2, 70.0]`. */
export function formatFigure(figure: Figure | string | null, { digits = 2, isShare = false }: Column): string {
  if (figure === null) return "–";
  if (typeof figure === "string") return figure;
  const factor = isShare ? 100 : 1;
  const text = (value: number): string => (factor * value).toFixed(digits).replace("-", "−");
  const { value, low, high } = figure;
  const hasInterval = Number.isFinite(low) && Number.isFinite(high);
  return !hasInterval || low === undefined || high === undefined
    ? text(value)
    : `${text(value)} [${text(low)}, ${text(high)}]`;
}
