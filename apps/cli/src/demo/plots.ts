// The demo's figures as SVG that takes the colours of the page, light or dark. Knows no page.

import type { MeanEstimate } from "@dual-head/eval";
import * as Plot from "@observablehq/plot";
import { renderPlot } from "../report/plot.ts";
import type { DemoFigures, Setting } from "./figures.ts";

const colours = { helpful: "#2a78d6", harmless: "#c2571a" } as const;
const colour = { domain: Object.keys(colours), range: Object.values(colours) };

/** Both rewards with their intervals against the strength. */
export function strengthPlot({ strengths }: DemoFigures): string {
  const rows = strengths.flatMap(({ strength, measure }) => rewardRows(measure).map((row) => ({ strength, ...row })));
  return renderPlot("rewards against strength", {
    x: { label: "strength", ticks: strengths.map(({ strength }) => strength), tickFormat: "~g" },
    y: { label: "reward", grid: true, domain: domainOf(rows) },
    color: { ...colour, legend: false },
    marks: [
      Plot.ruleY([0], { strokeOpacity: 0.4 }),
      Plot.areaY(rows, { x: "strength", y1: "low", y2: "high", fill: "reward", fillOpacity: 0.15 }),
      Plot.lineY(rows, { x: "strength", y: "mean", stroke: "reward", strokeWidth: 2 }),
      Plot.dot(rows, { x: "strength", y: "mean", fill: "reward", r: 4 }),
      Plot.text(rows.slice(-2), {
        x: "strength",
        y: "mean",
        text: "reward",
        fill: "reward",
        dx: 8,
        textAnchor: "start",
      }),
    ],
    marginRight: 80,
  });
}

/** Base and the mixtures in the plane of both rewards. */
export function mixturePlot({ strengths, mixtures }: DemoFigures): string {
  const point = (name: string, { measure }: Setting) => ({
    name,
    x: measure.harmless.mean,
    y: measure.helpful.mean,
    left: measure.harmless.low,
    right: measure.harmless.high,
    bottom: measure.helpful.low,
    top: measure.helpful.high,
  });
  const rows = [
    point("base", strengths[0]!),
    ...mixtures.map((setting) => point(`helpful ${setting.helpful} / harmless ${setting.harmless}`, setting)),
  ];
  return renderPlot("helpful against harmless reward", {
    x: { label: "harmless reward", grid: true },
    y: { label: "helpful reward", grid: true },
    marks: [
      Plot.link(rows, { x1: "left", x2: "right", y1: "y", y2: "y", stroke: "currentColor", strokeOpacity: 0.5 }),
      Plot.link(rows, { x1: "x", x2: "x", y1: "bottom", y2: "top", stroke: "currentColor", strokeOpacity: 0.5 }),
      Plot.line(rows.slice(1), { x: "x", y: "y", stroke: "#7d3c98", strokeDasharray: "4 4" }),
      Plot.dot(rows, { x: "x", y: "y", fill: "#7d3c98", r: 5 }),
      Plot.text(rows, { x: "x", y: "y", text: "name", dy: -12, fill: "currentColor" }),
    ],
    inset: 60,
  });
}

/** Rewards of answers before and after the lesson. */
export function lessonPlot({ lesson }: DemoFigures): string {
  const rows = (["before", "after"] as const).flatMap((when) =>
    rewardRows(lesson[when]).map((row) => ({ when, ...row })),
  );
  return renderPlot("rewards before and after training", {
    x: { label: null, domain: ["before", "after"] },
    fx: { label: null },
    y: { label: "reward", grid: true, domain: domainOf(rows) },
    color: { ...colour, legend: false },
    marks: [
      Plot.ruleY([0], { strokeOpacity: 0.4 }),
      Plot.barY(rows, { fx: "reward", x: "when", y: "mean", fill: "reward", fillOpacity: 0.6 }),
      Plot.ruleX(rows, { fx: "reward", x: "when", y1: "low", y2: "high", strokeWidth: 2 }),
    ],
  });
}

function rewardRows({ helpful, harmless }: { readonly helpful: MeanEstimate; readonly harmless: MeanEstimate }) {
  return [
    { reward: "helpful", ...helpful },
    { reward: "harmless", ...harmless },
  ];
}

function domainOf(rows: readonly MeanEstimate[]): [number, number] {
  return [Math.min(0, ...rows.map(({ low }) => low)), Math.max(0, ...rows.map(({ high }) => high))];
}
