// A plot as SVG that takes the colours of the page around it. Knows no figures.
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

/** Colours of series, told apart by most eyes on light and dark paper. */
export const seriesColours: readonly string[] = [
  ...["#2a78d6", "#c2571a", "#2e9e5b", "#8e44ad", "#b58900", "#d6336c", "#0f9bb0", "#7f8c8d"],
];

/** Renders a plot; the label is its name for screen readers. */
export function renderPlot(label: string, options: Plot.PlotOptions): string {
  const { document } = parseHTML("<html><body></body></html>");
  const style = { background: "transparent", color: "currentColor", fontSize: "13px", maxWidth: "100%" };
  const figure = Plot.plot({ ...options, ariaLabel: label, document, width: 640, height: 340, marginLeft: 56, style });
  return figure.outerHTML;
}
