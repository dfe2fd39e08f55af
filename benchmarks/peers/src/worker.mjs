// One engine in a process of its own: answers "decode COUNT", "prefill" and "products ROWS INDEX" on stdin with milliseconds.
// Knows engines by the table only.
import { createInterface } from "node:readline";
import { engines } from "./engines/index.mjs";
import { matricesOf } from "./models.mjs";

const prompt = Array.from({ length: 16 }, (_, index) => 300 + 7 * index);
const long = Array.from({ length: 256 }, (_, index) => 300 + ((13 * index) % 30_000));
/** A sample of products lasts at least this long. */
const SAMPLE_MILLISECONDS = 30;

async function timed(work) {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** An engine without models of its own: all products of a token, one after another; no attention, norms or sampling. */
function composed({ label, run }, weights) {
  const all = weights.map((_, index) => index);
  return {
    label,
    async decode(count) {
      const milliseconds = await timed(async () => {
        for (let step = 0; step < count; step++) await run(1, all);
      });
      return { tokens: null, milliseconds: milliseconds / count };
    },
    async prefill() {
      const head = all.length - 1;
      // The head sees one row of a prompt.
      const milliseconds = await timed(async () => {
        await run(long.length, all.slice(0, head));
        await run(1, [head]);
      });
      return { milliseconds: milliseconds / long.length };
    },
  };
}

async function open({ engine: name, what, ...options }) {
  const engine = engines[name];
  if (what === "products") return engine.openProducts(options);
  if (engine.openModel !== undefined) return engine.openModel({ ...options, prompt, long });
  const weights = matricesOf(options.shape);
  return composed(await engine.openProducts({ ...options, weights }), weights);
}

const engine = await open(JSON.parse(process.argv[2]));
const answer = (value) => process.stdout.write(`@${JSON.stringify(value)}\n`);
const runs = new Map();
answer({ label: engine.label });
for await (const line of createInterface({ input: process.stdin })) {
  const [what, first, second] = line.split(" ");
  if (what === "decode") answer(await engine.decode(Number(first)));
  else if (what === "prefill") answer(await engine.prefill());
  else {
    const work = () => engine.run(Number(first), [Number(second)]);
    // The first sample of a product decides how many runs a sample has.
    if (!runs.has(line)) runs.set(line, Math.ceil(SAMPLE_MILLISECONDS / Math.max(0.01, await timed(work))));
    const count = Math.min(200, runs.get(line));
    const milliseconds = await timed(async () => {
      for (let index = 0; index < count; index++) await work();
    });
    answer({ milliseconds: milliseconds / count });
  }
}
process.exit(0);
