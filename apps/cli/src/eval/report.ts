// What suites found as one HTML page with plots, and as Markdown: our numbers beside the paper's, and where a claim did not
// hold. Knows no suite.
import * as Plot from "@observablehq/plot";
import { escaped, pageOf } from "../report/page.ts";
import { renderPlot, seriesColours } from "../report/plot.ts";
import { type Claim, formatFigure, type ReportPlot, type ReportTable, type SuiteReport } from "./figures.ts";

/** What is said of the run around the suites. */
export interface RunDescription {
  readonly command: string;
  readonly facts: Readonly<Record<string, string>>;
}

const aboutIntervals =
  "Intervals are of 95 % and over prompts, and over trainings only where a table says so: elsewhere each method was trained once. Each claim is decided by its own interval: of many that are not true, one in forty would seem to hold.";

/** The page of a run. */
export function htmlOf(reports: readonly SuiteReport[], run: RunDescription): string {
  const contents = reports.map(({ suite, title }) => `<li><a href="#${suite}">${escaped(title)}</a></li>`).join("");
  const claims = reports.flatMap(({ claims: own }) => own);
  const countOf = (verdict: boolean | null) => claims.filter(({ holds }) => holds === verdict).length;
  const facts = Object.entries(run.facts).map(
    ([name, fact]) => `<tr><th>${escaped(name)}</th><td>${escaped(fact)}</td></tr>`,
  );
  return pageOf(
    "Dual-Head: evaluation",
    `<h1>Dual-Head: evaluation</h1>
<p>Made by <code>${escaped(run.command)}</code>. Of ${claims.length} claims, the paper's and ours beside, ${countOf(true)} hold here, ${countOf(false)} do not hold here and ${countOf(null)} cannot be decided here. ${escaped(aboutIntervals)}</p>
${reports.length > 1 ? `<ul>${contents}</ul>` : ""}
${reports.map(sectionOf).join("\n")}
<h2>The run</h2><table>${facts.join("")}</table>`,
    "broad",
  );
}

function sectionOf({ suite, title, tables, plots, claims, notes }: SuiteReport): string {
  return `<section id="${suite}"><h2>${escaped(title)}</h2>
${claims.length === 0 ? "" : `<ul class="claims">${claims.map(claimItem).join("")}</ul>`}
${tables.map(tableHtml).join("\n")}
${plots.map((plot) => `<figure>${plotSvg(plot)}<figcaption>${escaped(plot.caption)}</figcaption></figure>`).join("\n")}
${notes.map((note) => `<p>${escaped(note)}</p>`).join("\n")}</section>`;
}

const verdicts = new Map([
  [true, "holds here"],
  [false, "does not hold here"],
  [null, "cannot be decided here"],
]);

function claimItem({ statement, holds, evidence }: Claim): string {
  return `<li><strong>${verdicts.get(holds)}</strong>: ${escaped(statement)} <span>${escaped(evidence)}</span></li>`;
}

function tableHtml({ title, caption, columns, rows }: ReportTable): string {
  const hasPaper = columns.map((_, at) => rows.some(({ paper }) => (paper?.[at] ?? null) !== null));
  const head = columns
    .map(({ name }, at) => `<th>${escaped(name)}</th>${hasPaper[at] ? "<th>paper</th>" : ""}`)
    .join("");
  const body = rows.map(({ label, cells, paper }) => {
    const own = columns.map(
      (column, at) =>
        `<td>${escaped(formatFigure(cells[at] ?? null, column))}</td>${hasPaper[at] ? `<td class="paper">${escaped(paper?.[at] ?? "–")}</td>` : ""}`,
    );
    return `<tr><td>${escaped(label)}</td>${own.join("")}</tr>`;
  });
  return `<h3>${escaped(title)}</h3><div class="wide"><table><thead><tr><th></th>${head}</tr></thead><tbody>${body.join("")}</tbody></table></div>
<p>${escaped(caption)}</p>`;
}

function plotSvg({ title, x, y, series }: ReportPlot): string {
  const rows = series.flatMap(({ name, points }) =>
    points.map((point) => ({
      ...{ name, x: point.x.value, y: point.y.value, label: point.label ?? "" },
      ...{ low: point.y.low ?? point.y.value, high: point.y.high ?? point.y.value },
    })),
  );
  const names = series.map(({ name }) => name);
  const lasts = names.map((name) => rows.findLast((row) => row.name === name)!).filter((row) => row !== undefined);
  return renderPlot(title, {
    x: { label: x, grid: true },
    y: { label: y, grid: true },
    color: { domain: names, range: seriesColours.slice(0, names.length), legend: false },
    marks: [
      Plot.ruleX(rows, { x: "x", y1: "low", y2: "high", stroke: "name", strokeOpacity: 0.4 }),
      Plot.line(rows, { x: "x", y: "y", z: "name", stroke: "name", strokeWidth: 1.5 }),
      Plot.dot(rows, { x: "x", y: "y", fill: "name", r: 3.5 }),
      Plot.text(lasts, { x: "x", y: "y", text: "name", fill: "name", dx: 8, textAnchor: "start" }),
    ],
    marginRight: 110,
  });
}

/** The reports as a Markdown document. */
export function markdownOf(reports: readonly SuiteReport[], run: RunDescription): string {
  const facts = Object.entries(run.facts).map(([name, fact]) => `${name}: ${fact}`);
  return [
    `\`${run.command}\``,
    "",
    `${facts.join("; ")}. ${aboutIntervals}`,
    ...reports.flatMap(({ title, tables, claims, notes }) => [
      "",
      `### ${title}`,
      ...tables.flatMap((table) => ["", `#### ${table.title}`, "", ...markdownTable(table), "", table.caption]),
      ...(claims.length === 0 ? [] : ["", ...claims.map(claimLine)]),
      ...notes.flatMap((note) => ["", note]),
    ]),
    "",
  ].join("\n");
}

function claimLine({ statement, holds, evidence }: Claim): string {
  return `- **${verdicts.get(holds)}**: ${statement} ${evidence}`;
}

function markdownTable({ columns, rows }: ReportTable): readonly string[] {
  const hasPaper = columns.map((_, at) => rows.some(({ paper }) => (paper?.[at] ?? null) !== null));
  const head = columns.flatMap(({ name }, at) => (hasPaper[at] ? [name, "paper"] : [name]));
  return [
    `| | ${head.join(" | ")} |`,
    `|---|${head.map(() => "---|").join("")}`,
    ...rows.map(({ label, cells, paper }) => {
      const own = columns.flatMap((column, at) => {
        const text = formatFigure(cells[at] ?? null, column);
        return hasPaper[at] ? [text, paper?.[at] ?? "–"] : [text];
      });
      return `| ${label} | ${own.join(" | ")} |`;
    }),
  ];
}
