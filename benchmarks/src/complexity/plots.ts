// Plots of sweeps and shares as SVG. Knows no device and no table.
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

/** One sweep as a plot shows it, points in ascending size. */
export interface Curve {
  readonly label: string;
  readonly points: readonly {
    readonly size: number;
    readonly milliseconds: number;
    /** Exact number of multiply-adds. */
    readonly operations: number;
  }[];
  /** Slope of log milliseconds against log size. */
  readonly exponent: number;
}

/** Shares against V: exact ones as lines, measured ones as points. */
export interface ShareCurve {
  readonly label: string;
  readonly measured: boolean;
  readonly points: readonly { readonly vocabSize: number; readonly percent: number }[];
}

function render(options: Plot.PlotOptions): string {
  const { document } = parseHTML("<html><body></body></html>");
  const common = { document, width: 680, height: 380, marginLeft: 60, style: { background: "white" } };
  const figure = Plot.plot({ ...options, ...common });
  figure.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${figure.outerHTML}\n`;
}

/** Heights of labels on a log axis, moved apart where they would overlap; in the order given. */
export function spread(heights: readonly number[], range: number): number[] {
  const gap = range ** 0.05;
  const placed = [...heights];
  const order = heights.map((_, at) => at).toSorted((a, b) => heights[a]! - heights[b]!);
  for (const [rank, at] of order.entries()) {
    if (rank > 0) placed[at] = Math.max(placed[at]!, placed[order[rank - 1]!]! * gap);
  }
  return placed;
}

/**
 * Times as points with the fitted power law, and dashed what they would be if every multiply-add took as long as at the
 * largest size. Sizes are multiples of each curve's smallest, so that extents of different magnitude share the axis.
 */
export function sweepPlot(title: string, curves: readonly Curve[]): string {
  const points = curves.flatMap(({ label, points: own, exponent }) => {
    const [first, last] = [own[0]!, own.at(-1)!];
    const mean = (values: readonly number[]) =>
      Math.exp(values.reduce((sum, each) => sum + Math.log(each), 0) / own.length);
    const middle = mean(own.map(({ size }) => size));
    const height = mean(own.map(({ milliseconds }) => milliseconds));
    return own.map(({ size, milliseconds, operations }) => ({
      label,
      times: size / first.size,
      milliseconds,
      fitted: height * (size / middle) ** exponent,
      counted: (operations * last.milliseconds) / last.operations,
    }));
  });
  const ends = curves.map(({ label }) => points.findLast((point) => point.label === label)!);
  const all = points.flatMap(({ milliseconds, fitted, counted }) => [milliseconds, fitted, counted]);
  const heights = spread(
    ends.map(({ fitted }) => fitted),
    Math.max(...all) / Math.min(...all),
  );
  // At the right edge, where no other curve crosses them.
  const edge = Math.max(...points.map(({ times }) => times));
  const labels = ends.map(({ label }, at) => ({ label, times: edge, height: heights[at]! }));
  const place = { x: "times", stroke: "label" };
  return render({
    ariaLabel: `${title}: milliseconds against each extent`,
    marginRight: 130,
    x: { type: "log", base: 2, label: "extent / its smallest", grid: true, tickFormat: "~g" },
    y: { type: "log", label: "milliseconds; solid: fitted, dashed: exact count", grid: true, tickFormat: "~g" },
    marks: [
      Plot.line(points, { ...place, y: "fitted" }),
      Plot.line(points, { ...place, y: "counted", strokeDasharray: "4 4" }),
      Plot.dot(points, { x: "times", y: "milliseconds", fill: "label", r: 4 }),
      Plot.text(labels, { x: "times", y: "height", text: "label", fill: "label", textAnchor: "start", dx: 8 }),
    ],
  });
}

/** Shares of the gate against V. */
export function sharePlot(curves: readonly ShareCurve[]): string {
  const rows = curves.flatMap(({ label, measured, points }) => points.map((point) => ({ label, measured, ...point })));
  const ends = curves.map(({ label }) => rows.findLast((row) => row.label === label)!);
  const percents = rows.map(({ percent }) => percent);
  const heights = spread(
    ends.map(({ percent }) => percent),
    Math.max(...percents) / Math.min(...percents),
  );
  const labels = ends.map((end, at) => ({ ...end, height: heights[at]! }));
  const place = { x: "vocabSize", y: "percent" };
  return render({
    ariaLabel: "share of the gate in gate and both heads against the vocabulary",
    marginRight: 220,
    x: {
      type: "log",
      ticks: [...new Set(rows.map(({ vocabSize }) => vocabSize))],
      label: "vocabulary V",
      grid: true,
      tickFormat: "~s",
    },
    y: { type: "log", label: "gate, % of gate and both heads", grid: true, tickFormat: "~g" },
    marks: [
      Plot.line(rows, { ...place, stroke: "label" }),
      Plot.dot(
        rows.filter(({ measured }) => measured),
        { ...place, fill: "label", r: 4 },
      ),
      Plot.text(labels, { x: "vocabSize", y: "height", text: "label", fill: "label", textAnchor: "start", dx: 8 }),
    ],
  });
}
