// Engines side by side on the same random weights: each in a process of its own, rounds interleaved, at its best number of
// threads. Prints medians and ratios; --json FILE keeps every row, a line each. Knows no engine from inside.
import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { engines } from "./engines/index.mjs";
import { writeModel } from "./models.mjs";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shape: { type: "string", default: "288x6" },
    dtypes: { type: "string", default: "q8,q4,f16,f32" },
    engines: { type: "string", default: Object.keys(engines).join(",") },
    rounds: { type: "string", default: "7" },
    tokens: { type: "string", default: "48" },
    threads: { type: "string", default: "1,2" },
    json: { type: "string" },
  },
});
const benches = positionals.length === 0 ? ["models", "products"] : positionals;
const dtypes = flags.dtypes.split(",");
const names = flags.engines.split(",");
const threadCounts = flags.threads.split(",").map(Number);
const roundCount = Number(flags.rounds);
const tokenCount = Number(flags.tokens);

const ggufDtypes = { f32: "F32", f16: "F16", q8: "Q8_0", q4: "Q4_0" };
const products = [
  { name: "GEMM 512×512×512", rows: 512, weight: { name: "square", shape: [512, 512] } },
  { name: "GEMM 1024×288×32000", rows: 1024, weight: { name: "head of 288", shape: [32000, 288] } },
  { name: "GEMV 1×288×32000", rows: 1, weight: { name: "head of 288", shape: [32000, 288] } },
  { name: "GEMV 1×2048×32000", rows: 1, weight: { name: "head of 2048", shape: [32000, 2048] } },
];

const folder = await mkdtemp(join(tmpdir(), "dual-head-peers-"));
const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
const rows = [];

function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return low + (high - low) * (place - Math.floor(place));
}
const median = (values) => quantile(values, 0.5);

/** A worker: ask(line) gives its answer. */
async function start(options) {
  const worker = fileURLToPath(new URL("./worker.mjs", import.meta.url));
  const child = spawn(process.execPath, [worker, JSON.stringify(options)], { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    for (;;) {
      const { value, done } = await answers.next();
      if (done) throw new Error(`Cannot measure ${options.engine}: its process ended; see its messages above`);
      if (value.startsWith("@")) return JSON.parse(value.slice(1));
    }
  };
  const { label } = await next();
  return {
    ...options,
    label,
    ask(line) {
      child.stdin.write(`${line}\n`);
      return next();
    },
    stop: () => child.stdin.end(),
  };
}

/** Workers of every engine that has `dtype`, at every number of threads it can run on. */
async function startAll(what, dtype, options) {
  const workers = [];
  for (const name of names) {
    const engine = engines[name];
    const own = engine.openModel === undefined || what === "products" ? engine.productDtypes : engine.modelDtypes;
    if (!own.includes(dtype) || (what === "products" && engine.openProducts === undefined)) continue;
    for (const threads of engine.threads ? threadCounts : [1]) {
      // A second way for ours to hold 16 bits, which machines without half floats widen faster.
      for (const held of name === "ours" && dtype === "f16" ? ["f16", "bf16"] : [dtype]) {
        workers.push(await start({ ...options, engine: name, what, dtype: held, threads }));
      }
    }
  }
  return workers;
}

/** Asks every worker every question once a round, after a round that is dropped. Answers by question and worker. */
async function measure(workers, questions) {
  const samples = new Map(questions.map((question) => [question, new Map(workers.map((worker) => [worker, []]))]));
  for (let round = -1; round < roundCount; round++) {
    for (const question of questions) {
      for (const worker of round % 2 === 0 ? workers : workers.toReversed()) {
        const answer = await worker.ask(question);
        if (round >= 0) samples.get(question).get(worker).push(answer);
        // Threads of some engines spin for a while after their work.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
  return samples;
}

/** Prints each engine at its best and what ours is as a multiple of it; keeps rows of all. */
function report({ bench, shape, unit, rateOf }, answers) {
  const rates = new Map(
    [...answers].map(([worker, list]) => [worker, list.map(({ milliseconds }) => rateOf(milliseconds))]),
  );
  const best = new Map();
  for (const [worker, values] of rates) {
    const held = best.get(worker.engine);
    if (held === undefined || median(values) > median(rates.get(held))) best.set(worker.engine, worker);
    const { engine, dtype, threads, label } = worker;
    const summary = {
      value: median(values),
      low: quantile(values, 0.25),
      high: quantile(values, 0.75),
      fastest: Math.max(...values),
    };
    const setting = { sampleCount: values.length, threads, runtime: `node ${process.version}`, commit };
    rows.push({ bench: `peers ${bench}`, shape, dtype, variant: `${engine} ${label}`, unit, ...summary, ...setting });
  }
  const own = best.get("ours");
  const firstTokens = (worker) => answers.get(worker)[0].tokens;
  for (const [engine, worker] of best) {
    const { dtype, threads, label } = worker;
    const values = rates.get(worker);
    let line = `${shape} ${bench} ${dtype}: ${engine} ${median(values).toFixed(1)} ${unit} (${label}, ${threads} ${threads === 1 ? "thread" : "threads"})`;
    if (worker !== own && own !== undefined) {
      const ratios = rates.get(own).map((value, index) => value / values[index]);
      const [value, low, high] = [0.5, 0.25, 0.75].map((share) => quantile(ratios, share));
      line += `, ours / it ${value.toFixed(2)} (${low.toFixed(2)} – ${high.toFixed(2)})`;
      // Where other work disturbs some rounds, the fastest of each come nearest to what they do alone.
      const fastest = Math.max(...rates.get(own)) / Math.max(...values);
      line += `, of the fastest rounds ${fastest.toFixed(2)}`;
      const variant = `ours ${own.label} / ${engine} ${label}`;
      const setting = { sampleCount: ratios.length, threads: own.threads, runtime: `node ${process.version}`, commit };
      rows.push({
        bench: `peers ${bench}`,
        shape,
        dtype,
        variant,
        unit: "× speed",
        value,
        low,
        high,
        fastest,
        ...setting,
      });
      const [mine, theirs] = [firstTokens(own), firstTokens(worker)];
      if (bench === "decode" && mine && theirs) {
        const differs = mine.findIndex((token, index) => token !== theirs[index]);
        line += `, first ${differs < 0 ? mine.length : differs} of ${mine.length} greedy tokens equal`;
      }
      if (bench === "decode" && !theirs) line += ", its matrix products only";
    }
    console.log(line);
  }
}

async function compareModels(dtype) {
  const path = join(folder, `${dtype}.gguf`);
  if (names.includes("llama.cpp")) await writeModel(path, flags.shape, ggufDtypes[dtype]);
  const workers = await startAll("models", dtype, { shape: flags.shape, path });
  const decode = `decode ${tokenCount}`;
  const samples = await measure(workers, [decode, "prefill"]);
  for (const worker of workers) worker.stop();
  for (const [bench, question] of [
    ["decode", decode],
    ["prefill", "prefill"],
  ]) {
    const rateOf = (milliseconds) => 1000 / milliseconds;
    report({ bench, shape: flags.shape, unit: "tokens/s", rateOf }, samples.get(question));
  }
  await rm(path, { force: true });
}

async function compareProducts(dtype) {
  const workers = await startAll("products", dtype, { weights: products.map(({ weight }) => weight) });
  if (workers.length === 0) return;
  const questions = products.map(({ rows: count }, index) => `products ${count} ${index}`);
  const samples = await measure(workers, questions);
  for (const worker of workers) worker.stop();
  for (const [index, { name, rows: count, weight }] of products.entries()) {
    const rateOf = (milliseconds) => (2 * count * weight.shape[0] * weight.shape[1]) / (1e6 * milliseconds);
    report({ bench: "products", shape: name, unit: "GFLOP/s", rateOf }, samples.get(questions[index]));
  }
}

try {
  for (const bench of benches) {
    for (const dtype of dtypes) await (bench === "models" ? compareModels : compareProducts)(dtype);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
  if (flags.json !== undefined) await writeFile(flags.json, `${rows.map((row) => JSON.stringify(row)).join("\n")}\n`);
}
