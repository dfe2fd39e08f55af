// Every kernel beside the prototype it came from, interleaved in one process; the fused loss beside the prototype's, in
// turn. Prints medians and ratios; --json FILE keeps the rows, a line each. Knows no kernel from inside.
import { execFileSync } from "node:child_process";
import { rm, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { linearCrossEntropy, openDevice, sumTo, valueAndGrad } from "@dual-head/tensor-core";
import { createOptimiser, defaultSettings, freeTree } from "@dual-head/train";
import { buildPrototypes, joinsVectors, openPrototypes } from "./build.mjs";
import { comparisons } from "./kernels.mjs";

const { values: flags } = parseArgs({
  options: {
    folder: { type: "string" },
    threads: { type: "string", default: "1,2" },
    rounds: { type: "string", default: "15" },
    filter: { type: "string", default: "" },
    json: { type: "string" },
  },
});
if (flags.folder === undefined) {
  console.error(
    "Cannot compare with prototypes: no folder is given; add --folder DIR with gen2.mjs, gence.mjs, pool2.mjs and ce.mjs",
  );
  process.exit(2);
}
const roundCount = Number(flags.rounds);
const SAMPLE_MILLISECONDS = 15;
const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
const rows = [];

function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return low + (high - low) * (place - Math.floor(place));
}

/** Milliseconds a run. */
function sampleOf(work, count) {
  const begin = performance.now();
  for (let index = 0; index < count; index++) work();
  return (performance.now() - begin) / count;
}

/** Prints ours and the prototype that is the fastest by its median. */
function report({ name, unit, rateOf, variant, threads, ours, prototypes }) {
  const median = (values) => quantile(values, 0.5);
  const [best, theirs] = [...prototypes].reduce((a, b) => (median(b[1]) < median(a[1]) ? b : a));
  const ratios = theirs.map((milliseconds, index) => milliseconds / ours[index]);
  const [value, low, high] = [0.5, 0.25, 0.75].map((share) => quantile(ratios, share));
  // Where other work disturbs some rounds, the fastest of each come nearest to what they do alone.
  const fastest = Math.min(...theirs) / Math.min(...ours);
  console.log(
    `${name}, ${threads} ${threads === 1 ? "thread" : "threads"}: ours ${rateOf(median(ours)).toFixed(1)} ${unit}, ${best} ${rateOf(median(theirs)).toFixed(1)}, ours / it ${value.toFixed(2)} (${low.toFixed(2)} – ${high.toFixed(2)}), of the fastest rounds ${fastest.toFixed(2)}`,
  );
  const setting = { threads, runtime: `node ${process.version}`, commit };
  const common = { bench: "prototypes", shape: name, ...setting };
  for (const [kernel, samples] of [[`ours ${variant}`, ours], ...prototypes]) {
    const [middle, slow, fast] = [0.5, 0.75, 0.25].map((share) => rateOf(quantile(samples, share)));
    rows.push({ ...common, variant: kernel, unit, value: middle, low: slow, high: fast, sampleCount: samples.length });
  }
  const ratio = { variant: `ours ${variant} / ${best}`, unit: "× speed", value, low, high, fastest };
  rows.push({ ...common, ...ratio, sampleCount: ratios.length });
}

function compare(piece, variant, threads) {
  const works = [["ours", piece.ours], ...Object.entries(piece.prototypes)];
  // Compiled and warm before it is decided how many runs a sample has.
  for (const [, work] of works) sampleOf(work, 3);
  const counts = works.map(([, work]) =>
    Math.max(1, Math.ceil(SAMPLE_MILLISECONDS / Math.max(0.01, sampleOf(work, 1)))),
  );
  const samples = works.map(() => []);
  for (let round = -1; round < roundCount; round++) {
    const order = [...works.keys()];
    for (const index of round % 2 === 0 ? order : order.reverse()) {
      const milliseconds = sampleOf(works[index][1], Math.min(200, counts[index]));
      if (round >= 0) samples[index].push(milliseconds);
    }
  }
  const rateOf = (milliseconds) => piece.amount / (1e6 * milliseconds);
  const [ours, ...theirs] = samples;
  const prototypes = theirs.map((each, index) => [works[index + 1][0], each]);
  report({ ...piece, rateOf, variant, threads, ours, prototypes });
}

/** Loss, gradients to hidden states and head, and AdamW on the head; the prototype's program does one such step a start. */
async function compareLoss(place, device, threads) {
  const [count, width, vocabulary] = [2048, 288, 32_000];
  const name = `linear cross-entropy and AdamW, N ${count} d ${width} V ${vocabulary}`;
  if (!name.includes(flags.filter)) return;
  const wave = (length, scale) => Float32Array.from({ length }, (_, index) => scale * Math.sin(index * 12.9898));
  const features = device.keep(device.tensor(wave(count * width, 1), [count, width]));
  const weight = device.keep(device.tensor(wave(vocabulary * width, 0.1), [vocabulary, width]));
  const targets = device.keep(
    device.tensor(
      Uint32Array.from({ length: count }, (_, i) => (i * 7919) % vocabulary),
      [count],
    ),
  );
  const optimiser = createOptimiser(device, { weight }, defaultSettings);
  const loss = ({ hidden, head }) => sumTo(linearCrossEntropy([{ features: hidden, weight: head }], targets), []);
  const step = () => {
    const { value, grad } = valueAndGrad(loss)({ hidden: features, head: optimiser.params.weight });
    grad.hidden.dispose();
    optimiser.step({ weight: grad.head }, 1 / count, 1e-3);
    freeTree([value, grad.head]);
  };
  const joined = joinsVectors ? ["nr=16", "v8=experimental-wasm-revectorize"] : ["nr=8"];
  const program = () => {
    const args = ["ce.mjs", "wasm=ce_rel.wasm", "reps=1", `t=${threads}`, ...joined];
    const text = execFileSync(process.execPath, args, { cwd: place, encoding: "utf8" });
    return Number(/dH=true: med (\d+) ms/.exec(text)[1]);
  };
  const [ours, theirs] = [[], []];
  step();
  for (let round = 0; round < Math.min(5, roundCount); round++) {
    const turns = [() => theirs.push(program()), () => ours.push(sampleOf(step, 1))];
    for (const turn of round % 2 === 0 ? turns : turns.reverse()) turn();
  }
  const rateOf = (milliseconds) => (6 * count * width * vocabulary) / (1e6 * milliseconds);
  report({ name, unit: "GFLOP/s", rateOf, variant: device.info.variant, threads, ours, prototypes: [["ce", theirs]] });
  optimiser[Symbol.dispose]();
  for (const tensor of [features, targets]) tensor.dispose();
}

const place = await buildPrototypes(flags.folder);
try {
  for (const threads of flags.threads.split(",").map(Number)) {
    const device = await openDevice("cpu", { threads });
    const prototypes = await openPrototypes(place, threads);
    for (const piece of comparisons(device, prototypes, threads)) {
      if (piece.name.includes(flags.filter)) compare(piece, device.info.variant, threads);
      piece.dispose();
    }
    prototypes.stop();
    await compareLoss(place, device, threads);
    device.dispose();
  }
} finally {
  await rm(place, { recursive: true, force: true });
  if (flags.json !== undefined) await writeFile(flags.json, `${rows.map((row) => JSON.stringify(row)).join("\n")}\n`);
}
process.exit(0);
