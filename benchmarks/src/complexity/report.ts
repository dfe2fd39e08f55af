// The report: tables in Markdown around the plots, from measured sweeps and exact counts. Knows no device.

import { createRandom } from "@dual-head/tensor-core";
import {
  backboneCacheNumbers,
  backboneParameters,
  gateCacheNumbers,
  llamaShapes,
  parameterCounts,
  tokenOperations,
} from "@dual-head/theorems";
import { quantileOf, summarise } from "../harness.ts";
import { formatNumber } from "../row.ts";
import { type Exponent, fitExponent, fixedPart, logSlope } from "./fit.ts";
import type { MeasuredSweep, MeasuredWork } from "./measure-sweeps.ts";
import { type ShareCurve, sharePlot, sweepPlot } from "./plots.ts";

/** What was measured, and where. */
export interface Measurement {
  readonly machine: string;
  readonly sweeps: readonly MeasuredSweep[];
}

const symbols = { hiddenSize: "d", vocabSize: "V", length: "T", gateWidth: "r", gateHeads: "h" } as const;
const lengths = [128, 1024, 4096];
const vocabularies = [1, 2, 4, 8, 16, 32, 64, 128].map((k) => 1000 * k);
const gates = [
  { label: "d 4096, r = d, printed", gateWidth: 4096, form: "gatePrinted" },
  { label: "d 4096, r 320, printed", gateWidth: 320, form: "gatePrinted" },
  { label: "d 4096, r 320, folded", gateWidth: 320, form: "gateFolded" },
] as const;

/** What is read off a sweep; nothing here was measured anew. */
interface FittedSweep extends MeasuredSweep {
  readonly medians: readonly number[];
  readonly exponent: Exponent;
  /** Of the exact counts over the same points, which need not be a pure power. */
  readonly countExponent: number;
}

function fit(sweep: MeasuredSweep): FittedSweep {
  const random = createRandom(1, `${sweep.name} against ${sweep.variable}`);
  const sizes = sweep.points.map(({ size }) => size);
  const times = sweep.points.map(({ milliseconds }) => milliseconds);
  return {
    ...sweep,
    medians: times.map((own) => quantileOf(own, 0.5)),
    exponent: fitExponent(sizes, times, () => random.uniform()),
    countExponent: logSlope(
      sizes,
      sweep.points.map(({ operations }) => operations),
    ),
  };
}

function table(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [header, header.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** File names with their contents. */
export function reportFiles(measurement: Measurement): ReadonlyMap<string, string> {
  const sweeps = measurement.sweeps.map(fit);
  const files = new Map<string, string>();
  const images: string[] = [];
  for (const name of new Set(sweeps.map((sweep) => sweep.name))) {
    const file = `${name.replaceAll(/[^a-z0-9]+/gi, "-").toLowerCase()}.svg`;
    const own = sweeps.filter((sweep) => sweep.name === name);
    const curves = own.map(({ variable, points, medians, exponent }) => ({
      label: `${symbols[variable]} ${points[0]!.size} – ${points.at(-1)!.size}`,
      points: points.map(({ size, operations }, at) => ({ size, operations, milliseconds: medians[at]! })),
      exponent: exponent.value,
    }));
    files.set(file, sweepPlot(name, curves));
    images.push(`![${name}: milliseconds against each extent](${file})`);
  }
  files.set("gate-share.svg", sharePlot([...exactShares(), ...measuredShares(measurement.sweeps)]));
  files.set("rows.json", `${JSON.stringify(measurement)}\n`);
  files.set("README.md", document(measurement.machine, sweeps, images));
  return files;
}

function exactShares(): ShareCurve[] {
  return gates.map(({ label, gateWidth, form }) => ({
    label,
    measured: false,
    points: vocabularies.map((vocabSize) => {
      const counts = tokenOperations({ hiddenSize: 4096, vocabSize, gateWidth, gateHeads: 8 }, 128);
      return { vocabSize, percent: (100 * counts[form]) / (counts[form] + 2 * counts.head) };
    }),
  }));
}

/** Share of the gate in each round before the median is taken, and by the counts at the same extents. */
function sharesOf({ points, beside }: { readonly points: MeasuredSweep["points"]; readonly beside: MeasuredWork }) {
  return points.map(({ size, milliseconds, operations }) => ({
    vocabSize: size,
    exact: (100 * beside.operations) / (beside.operations + operations),
    measured: summarise(
      milliseconds.map((own, round) => (100 * beside.milliseconds[round]!) / (beside.milliseconds[round]! + own)),
    ),
  }));
}

function besideSweep(sweeps: readonly MeasuredSweep[]) {
  const sweep = sweeps.find(({ beside }) => beside !== null);
  if (sweep?.beside == null) {
    throw new RangeError(
      "Cannot report shares: no sweep was measured beside a gate, measure anew with npm run complexity",
    );
  }
  return { ...sweep, beside: sweep.beside };
}

function measuredShares(sweeps: readonly MeasuredSweep[]): ShareCurve[] {
  const sweep = besideSweep(sweeps);
  const { hiddenSize, gateWidth } = sweep.extents;
  const shares = sharesOf(sweep);
  const label = `d ${hiddenSize}, r ${gateWidth}, folded`;
  return [
    {
      label: `${label}, counted`,
      measured: false,
      points: shares.map(({ vocabSize, exact }) => ({ vocabSize, percent: exact })),
    },
    {
      label: `${label}, measured`,
      measured: true,
      points: shares.map(({ vocabSize, measured }) => ({ vocabSize, percent: measured.value })),
    },
  ];
}

/** What a remark is made of. */
interface Remarked extends Pick<FittedSweep, "medians" | "exponent" | "countExponent"> {
  readonly points: readonly { readonly operations: number }[];
}

/** What does not grow with the count, where there is growth and the exponent of time is surely below that of the count. */
export function remark({ points, medians, exponent, countExponent }: Remarked): string {
  // A count that stays as it is has no part that grows; noise alone may make its times fall.
  const operations = points.map((point) => point.operations);
  const grows = operations.some((count) => count !== operations[0]);
  if (!grows || exponent.high >= countExponent) return "";
  const fixed = fixedPart(operations, medians);
  return fixed > 0 ? `${formatNumber(fixed)} ms` : "";
}

function exponentRows(sweeps: readonly FittedSweep[]) {
  const mebibytes = (bytes: number) => formatNumber(bytes / 2 ** 20);
  return sweeps.map((sweep) => {
    const { name, variable, points, medians, exponent, countExponent } = sweep;
    const [first, last] = [points[0]!, points.at(-1)!];
    return [
      name,
      symbols[variable],
      `${first.size} – ${last.size}`,
      `${formatNumber(medians[0]!)} – ${formatNumber(medians.at(-1)!)}`,
      `${exponent.value.toFixed(2)} [${exponent.low.toFixed(2)}, ${exponent.high.toFixed(2)}]`,
      countExponent.toFixed(2),
      remark(sweep),
      `${mebibytes(first.bytes)} – ${mebibytes(last.bytes)}`,
    ];
  });
}

function shareRows(sweeps: readonly MeasuredSweep[]) {
  return sharesOf(besideSweep(sweeps)).map(({ vocabSize, exact, measured }) => [
    vocabSize,
    `${formatNumber(exact)} %`,
    `${formatNumber(measured.value)} (${formatNumber(measured.low)} – ${formatNumber(measured.high)}) %`,
  ]);
}

/** Bytes of histories as the device counts them, beside the exact number of float32 in them. */
function historyRows(sweeps: readonly MeasuredSweep[]) {
  return sweeps
    .filter(({ variable, points }) => variable === "length" && points[0]!.cacheBytes !== null)
    .flatMap(({ extents, points }) =>
      points.map(({ size, cacheBytes }) => [size, 4 * gateCacheNumbers(extents, size).gateFolded, cacheBytes!]),
    );
}

function parameterRows() {
  const million = (count: number) => `${formatNumber(count / 1e6)}M`;
  return Object.entries(llamaShapes).map(([name, shape]) => {
    const { hiddenSize, vocabSize } = shape;
    const narrow = parameterCounts({ hiddenSize, vocabSize, gateWidth: 320, gateHeads: 8 });
    const full = parameterCounts({ hiddenSize, vocabSize, gateWidth: hiddenSize, gateHeads: 8 });
    const share = (100 * narrow.trainable) / backboneParameters(shape);
    const counts = [narrow.head, narrow.gate, full.gate, narrow.trainable].map(million);
    return [name, ...counts, `${share.toFixed(2)} %`];
  });
}

function cacheRows() {
  const kib = (numbers: number) => formatNumber((4 * numbers) / 1024);
  return lengths.flatMap((length) =>
    Object.entries(llamaShapes).map(([name, shape]) => {
      const gate = gateCacheNumbers({ gateWidth: 320, gateHeads: 8 }, length);
      const own = backboneCacheNumbers(shape, length);
      const share = `${((100 * gate.gateFolded) / own).toFixed(2)} %`;
      return [name, length, kib(gate.gatePrinted), kib(gate.gateFolded), kib(own), share];
    }),
  );
}

function document(machine: string, sweeps: readonly FittedSweep[], images: readonly string[]): string {
  const { hiddenSize, gateWidth, gateHeads, length } = besideSweep(sweeps).extents;
  return `<!-- Made by npm run complexity; edit benchmarks/src/complexity. -->

# Complexity, measured

\`npm run complexity\` measures and writes this folder; \`npm run complexity -- --from docs/complexity/rows.json\` draws it anew
from the same measurements, which hold every round. Machine: ${machine}.

## Exponents

The slope of log time against log extent over medians of interleaved rounds, with a 95 % interval over resampled rounds, beside
the slope of the exact number of multiply-adds over the same points: a count such as 2dr + dh + T(r + h) is no pure power, so
that is what a machine bound by arithmetic would show. The interval is that of one run: it knows the noise between rounds, not
what differs between runs (clock, other load), nor whether a power law fits. Where it lies below the count's slope, "fixed" is a
of time = a + b · count, what does not grow with the count; a is extrapolated, and what it is made of was not measured. A larger
exponent means that a multiply-add takes longer at larger extents, for whatever reason. MiB count what
the work holds on the device: weights, caches and inputs.

${table(["work", "extent", "range", "milliseconds", "exponent of time", "of the count", "fixed", "MiB held"], exponentRows(sweeps))}

Points are medians, solid lines the fitted powers, dashed ones the exact count scaled to the largest point.

${images.join("\n\n")}

## The limit V → ∞

True and trivial: the gate does not depend on V. By the counts, at d = 4096, T = 128 and V = 32 000 a gate of full width costs
half of one head, a quarter of both. Measured: folded gate beside both heads in the same rounds, one token, d = ${hiddenSize},
r = ${gateWidth}, h = ${gateHeads}, T = ${length}; share of the gate in the time of gate and heads, median with quartiles. Time and count need not agree: a gate is several small
operations, a head is one large one.

${table(["V", "share by the counts", "share of time"], shareRows(sweeps))}

![share of the gate against V](gate-share.svg)

## Parameters

A linear reward head and a gate of 8 heads, at r = 320 and at full width.

${table(["backbone", "head", "gate, r = 320", "gate, r = d", "trained, r = 320", "of the backbone"], parameterRows())}

## Caches

Bytes of the folded gate's history as the device counts them, beside 4T(r + h).

${table(["T", "4T(r + h)", "bytes on the device"], historyRows(sweeps))}

KiB of float32 at r = 320 and 8 heads.

${table(["backbone", "T", "gate printed, 2Tr", "gate folded, T(r + h)", "backbone's own", "folded / own"], cacheRows())}
`;
}
