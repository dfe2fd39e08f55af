// Engines side by side on the same random weights: each in a process of its own, rounds interleaved, at its best number of
// threads. Prints a table of medians and ratios; --json FILE keeps every row. Knows no engine from inside.
import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeModel } from "./models.mjs";

const { values: flags } = parseArgs({
  options: {
    shape: { type: "string", default: "288x6" },
    dtypes: { type: "string", default: "q8,q4,f16" },
    rounds: { type: "string", default: "7" },
    tokens: { type: "string", default: "48" },
    threads: { type: "string", default: "1,2" },
    json: { type: "string" },
  },
});
const peersOf = { q8: "Q8_0", q4: "Q4_0", f16: "F16" };
const roundCount = Number(flags.rounds);
const tokenCount = Number(flags.tokens);
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const folder = await mkdtemp(join(tmpdir(), "dual-head-peers-"));
const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
const rows = [];

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

try {
  for (const dtype of flags.dtypes.split(",")) {
    const path = join(folder, `${dtype}.gguf`);
    await writeModel(path, flags.shape, peersOf[dtype]);
    const workers = [];
    for (const threads of flags.threads.split(",").map(Number)) {
      workers.push(await start({ engine: "ours", shape: flags.shape, dtype, threads }));
      // A second way to hold 16 bits, which machines without half floats widen faster.
      if (dtype === "f16") workers.push(await start({ engine: "ours", shape: flags.shape, dtype: "bf16", threads }));
      workers.push(await start({ engine: "llama.cpp", path, dtype, threads }));
    }
    const samples = new Map(workers.map((worker) => [worker, { decode: [], prefill: [], tokens: null }]));
    for (let round = -1; round < roundCount; round++) {
      for (const worker of round % 2 === 0 ? workers : workers.toReversed()) {
        const held = samples.get(worker);
        const { tokens, milliseconds } = await worker.ask(`decode ${tokenCount}`);
        const prefill = await worker.ask("prefill");
        held.tokens = tokens;
        if (round < 0) continue;
        held.decode.push(1000 / milliseconds);
        held.prefill.push(1000 / prefill.milliseconds);
      }
    }
    const best = (engine, what) =>
      workers
        .filter((worker) => worker.engine === engine)
        .reduce((a, b) => (median(samples.get(b)[what]) > median(samples.get(a)[what]) ? b : a));
    const same = (a, b) => {
      const differs = a.findIndex((token, index) => token !== b[index]);
      return differs < 0 ? a.length : differs;
    };
    const agreed = same(samples.get(best("ours", "decode")).tokens, samples.get(best("llama.cpp", "decode")).tokens);
    for (const what of ["decode", "prefill"]) {
      const [own, peer] = [best("ours", what), best("llama.cpp", what)];
      const [mine, other] = [samples.get(own)[what], samples.get(peer)[what]];
      const ratios = mine.map((value, index) => value / other[index]);
      console.log(
        `${flags.shape} ${dtype} ${what}: ours ${median(mine).toFixed(1)} tokens/s (${own.dtype}, ${own.label}, ${own.threads} threads), llama.cpp ${median(other).toFixed(1)} (${peer.threads} threads), ratio ${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} – ${Math.max(...ratios).toFixed(2)}), first ${agreed} of ${tokenCount + 1} greedy tokens equal`,
      );
    }
    for (const worker of workers) {
      const { decode, prefill } = samples.get(worker);
      for (const [bench, values] of Object.entries({ decode, prefill })) {
        const { engine, threads, label } = worker;
        rows.push({
          bench: `peers ${bench}`,
          shape: flags.shape,
          dtype: worker.dtype,
          variant: `${engine} ${label}`,
          threads,
          unit: "tokens/s",
          value: median(values),
          low: Math.min(...values),
          high: Math.max(...values),
          sampleCount: values.length,
          runtime: `node ${process.version}`,
          commit,
        });
      }
      worker.stop();
    }
    await rm(path);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
  if (flags.json !== undefined) await writeFile(flags.json, `${rows.map((row) => JSON.stringify(row)).join("\n")}\n`);
}
