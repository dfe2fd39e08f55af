// The report: tables in Markdown and plots in SVG, from measured sweeps and exact counts. Knows no device.
import {
  backboneCacheNumbers,
  backboneParameters,
  gateCacheNumbers,
  llamaShapes,
  parameterCounts,
  tokenOperations,
} from "@dual-head/theorems";
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { formatNumber } from "../row.ts";
import type { MeasuredSweep } from "./measure-sweeps.ts";

/** What was measured, and where. */
export interface Measurement {
  readonly machine: string;
  readonly sweeps: readonly MeasuredSweep[];
}

const symbols = { hiddenSize: "d", vocabSize: "V", length: "T", gateWidth: "r", gateHeads: "h" } as const;
const lengths = [128, 1024, 4096];
const vocabularies = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024].map((k) => 1000 * k);
const gates = [
  { label: "r = d, printed", gateWidth: 4096, form: "gatePrinted" },
  { label: "r = 320, printed", gateWidth: 320, form: "gatePrinted" },
  { label: "r = 320, folded", gateWidth: 320, form: "gateFolded" },
] as const;

function table(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [header, header.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function render(options: Plot.PlotOptions): string {
  const { document } = parseHTML("<html><body></body></html>");
  const figure = Plot.plot({
    ...options,
    document,
    width: 640,
    height: 360,
    marginLeft: 60,
    style: { background: "white" },
  });
  figure.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${figure.outerHTML}\n`;
}

/** File names with their contents. */
export function reportFiles(measurement: Measurement): ReadonlyMap<string, string> {
  const groups = Map.groupBy?.(measurement.sweeps, ({ name }) => name) ?? groupByName(measurement.sweeps);
  const files = new Map<string, string>();
  const images: string[] = [];
  for (const [name, own] of groups) {
    const file = `${name.replaceAll(/[^a-z0-9]+/gi, "-").toLowerCase()}.svg`;
    files.set(file, sweepPlot(name, own));
    images.push(`![${name}: milliseconds against each extent](${file})`);
  }
  files.set("gate-share.svg", sharePlot());
  files.set("rows.json", `${JSON.stringify(measurement, null, 1)}\n`);
  files.set("README.md", document(measurement, images));
  return files;
}

function groupByName(sweeps: readonly MeasuredSweep[]): ReadonlyMap<string, readonly MeasuredSweep[]> {
  const groups = new Map<string, MeasuredSweep[]>();
  for (const sweep of sweeps) groups.set(sweep.name, [...(groups.get(sweep.name) ?? []), sweep]);
  return groups;
}

/** Times as points; as lines what they would be if each multiply-add took as long as at the largest point. */
function sweepPlot(name: string, sweeps: readonly MeasuredSweep[]): string {
  const points = sweeps.flatMap(({ variable, points: own }) => {
    const last = own.at(-1)!;
    return own.map(({ size, milliseconds, operations }) => ({
      extent: symbols[variable],
      size,
      milliseconds,
      counted: (operations * last.milliseconds) / last.operations,
    }));
  });
  return render({
    ariaLabel: `${name}: milliseconds against each extent`,
    x: { type: "log", label: "extent", grid: true, tickFormat: "~s" },
    y: {
      type: "log",
      label: "milliseconds (points), in proportion to the exact count (lines)",
      grid: true,
      tickFormat: "~g",
    },
    color: { legend: false },
    marks: [
      Plot.line(points, { x: "size", y: "counted", stroke: "extent" }),
      Plot.dot(points, { x: "size", y: "milliseconds", fill: "extent", r: 4 }),
      Plot.text(
        points,
        Plot.selectLast({ x: "size", y: "milliseconds", z: "extent", text: "extent", dx: 12, fill: "extent" }),
      ),
    ],
  });
}

/** The gate's multiply-adds as a share of one head's, against V. */
function sharePlot(): string {
  const shares = gates.flatMap(({ label, gateWidth, form }) =>
    vocabularies.map((vocabSize) => {
      const counts = tokenOperations({ hiddenSize: 4096, vocabSize, gateWidth, gateHeads: 8 }, 128);
      return { label, vocabSize, share: (100 * counts[form]) / counts.head };
    }),
  );
  return render({
    ariaLabel: "the gate's share of one head against the vocabulary",
    marginRight: 110,
    x: { type: "log", label: "vocabulary V", grid: true, tickFormat: "~s" },
    y: { type: "log", label: "gate, % of one head's multiply-adds (d = 4096, T = 128)", grid: true, tickFormat: "~g" },
    marks: [
      Plot.line(shares, { x: "vocabSize", y: "share", stroke: "label" }),
      Plot.text(
        shares,
        Plot.selectLast({
          x: "vocabSize",
          y: "share",
          z: "label",
          text: "label",
          textAnchor: "start",
          dx: 5,
          fill: "label",
        }),
      ),
    ],
  });
}

function document({ machine, sweeps }: Measurement, images: readonly string[]): string {
  const mebibytes = (bytes: number) => formatNumber(bytes / 2 ** 20);
  const fitted = sweeps.map(({ name, variable, points, exponent, countExponent }) => [
    name,
    symbols[variable],
    `${points[0]!.size} – ${points.at(-1)!.size}`,
    `${formatNumber(points[0]!.milliseconds)} – ${formatNumber(points.at(-1)!.milliseconds)}`,
    `${exponent.value.toFixed(2)} [${exponent.low.toFixed(2)}, ${exponent.high.toFixed(2)}]`,
    countExponent.toFixed(2),
    `${mebibytes(points[0]!.bytes)} – ${mebibytes(points.at(-1)!.bytes)}`,
  ]);
  const million = (count: number) => `${formatNumber(count / 1e6)}M`;
  const parameters = Object.entries(llamaShapes).map(([name, shape]) => {
    const { hiddenSize, vocabSize } = shape;
    const narrow = parameterCounts({ hiddenSize, vocabSize, gateWidth: 320, gateHeads: 8 });
    const full = parameterCounts({ hiddenSize, vocabSize, gateWidth: hiddenSize, gateHeads: 8 });
    const share = (100 * narrow.trainable) / backboneParameters(shape);
    return [
      name,
      million(narrow.head),
      million(narrow.gate),
      million(full.gate),
      million(narrow.trainable),
      `${share.toFixed(2)} %`,
    ];
  });
  const caches = lengths.flatMap((length) =>
    Object.entries(llamaShapes).map(([name, shape]) => {
      const gate = gateCacheNumbers({ gateWidth: 320, gateHeads: 8 }, length);
      const own = backboneCacheNumbers(shape, length);
      const kib = (numbers: number) => formatNumber((4 * numbers) / 1024);
      return [
        name,
        length,
        kib(gate.gatePrinted),
        kib(gate.gateFolded),
        kib(own),
        `${((100 * gate.gateFolded) / own).toFixed(2)} %`,
      ];
    }),
  );
  return `<!-- Made by npm run complexity; edit benchmarks/src/complexity. -->

# Complexity, measured

\`npm run complexity\` measures and writes this folder; \`npm run complexity -- --from docs/complexity/rows.json\` draws it anew
from the same measurements. Machine: ${machine}.

## Exponents

The slope of log time against log extent over medians of interleaved rounds, with a 95 % interval over resampled rounds, beside
the slope of the exact number of multiply-adds over the same points: a count such as 2dr + dh + T(r + h) is no pure power, so
that is what a machine bound by arithmetic would show. A smaller exponent of time is fixed overhead (dispatch, softmax, norms);
a larger one is work that left a cache. MiB count what the work holds on the device: weights, caches and inputs.

${table(["work", "extent", "range", "milliseconds", "exponent of time", "of the count", "MiB held"], fitted)}

${images.join("\n\n")}

## The limit V → ∞

True and trivial: the gate does not depend on V. At V = 32 000 a gate of full width is half a head.

![share of the gate against V](gate-share.svg)

## Parameters

A linear reward head and a gate of 8 heads, at r = 320 and at full width.

${table(["backbone", "head", "gate, r = 320", "gate, r = d", "trained, r = 320", "of the backbone"], parameters)}

## Caches

KiB of float32 at r = 320 and 8 heads.

${table(["backbone", "T", "gate printed, 2Tr", "gate folded, T(r + h)", "backbone's own", "folded / own"], caches)}
`;
}
