// "Efficiency": latency, speed, memory and passes a token of each method, one sequence at a time, as a user would wait for it.
// All methods are open at once and answer each prompt in turn, so that what disturbs the machine disturbs all of them.
import { performance } from "node:perf_hooks";
import { bootstrap } from "@dual-head/eval";
import type { Device } from "@dual-head/tensor-core";
import type { Tokenizer } from "@dual-head/tokenizer";
import type { Arm, MethodId } from "../arm.ts";
import type { Claim, Figure, TableRow } from "../figures.ts";
import { fitPrompt, promptRoom } from "../fit-prompt.ts";
import { type OpenedMethod, partsOf } from "../methods/methods.ts";
import { isLowRank } from "../methods/train-part.ts";
import type { EvalPrompt } from "../settings/setting.ts";
import { decided } from "./compare.ts";
import { armOf, inTurn, type Suite, type SuiteContext } from "./context.ts";
import { needs } from "./needs.ts";
import { paperEfficiency } from "./paper.ts";

const methods: readonly MethodId[] = ["args", "genarm", "dual-head", "dpo", "simpo", "base"];

/** Fewer rounds decide nothing. */
const fewestRounds = 5;

/** An arm with what was spent on it. */
interface Spent {
  readonly arm: Arm;
  /** Of each request, in the order of the prompts. */
  readonly seconds: number[];
  forwards: number;
  rewardCalls: number;
  /** Weights and caches of what the method needs, and what its first request takes beside them at most. */
  bytes: number;
}

interface Open {
  readonly spent: Spent;
  readonly method: OpenedMethod;
  readonly tokenizer: Tokenizer;
}

/** Opens all arms, one within the other, for `body`. */
async function withAll<Out>(
  context: SuiteContext,
  arms: readonly Arm[],
  opened: readonly Open[],
  body: (opened: readonly Open[]) => Promise<Out>,
): Promise<Out> {
  const [arm, ...rest] = arms;
  if (arm === undefined) return body(opened);
  const { bench } = context;
  const { device } = bench.options;
  const { llama, bytes } = await bench.backbone(arm.backbone);
  // Trained before memory is counted.
  for (const spec of partsOf(arm)) await bench.part(spec);
  const before = device.stats.bytes;
  return bench.withMethod(arm, 1, llama.config.maxTokens, (method, _, tokenizer) => {
    const own = device.stats.bytes - before + (needsBase(arm) ? bytes : 0);
    const spent: Spent = { arm, seconds: [], forwards: 0, rewardCalls: 0, bytes: own };
    return withAll(context, rest, [...opened, { spent, method, tokenizer }], body);
  });
}

/** A model whose own matrices were tuned stands in the place of its base. */
function needsBase(arm: Arm): boolean {
  return !["dpo", "simpo"].includes(arm.method) || partsOf(arm).every(isLowRank);
}

/** One request, with its seconds and passes. */
async function request(context: SuiteContext, open: Open, prompt: EvalPrompt, index: number) {
  const { bench, config, signal } = context;
  const { method, tokenizer, spent } = open;
  const { newTokens } = config.efficiency;
  const { maxTokens } = (await bench.backbone(spent.arm.backbone)).llama.config;
  const { tokens } = fitPrompt((text) => tokenizer.encode(text), prompt.text, promptRoom(maxTokens, newTokens));
  const ordinary = bench.request(spent.arm, tokens, index, method, tokenizer);
  const before = { ...method.generator.cost };
  const started = performance.now();
  const asked = { ...ordinary, maxNewTokens: newTokens, minNewTokens: newTokens, stopStrings: [] };
  for await (const _event of method.generator.generate(asked)) signal.throwIfAborted();
  const seconds = (performance.now() - started) / 1000;
  const { forwards, rewardCalls } = method.generator.cost;
  return {
    seconds,
    forwards: (forwards - before.forwards) / newTokens,
    rewardCalls: (rewardCalls - before.rewardCalls) / newTokens,
  };
}

/** The bytes that a first request takes beyond what is held: what is made once and kept, and what is given back. */
async function peakOf(device: Device, body: () => Promise<unknown>): Promise<number> {
  device.resetPeak();
  const held = device.stats.bytes;
  await body();
  return device.stats.peakBytes - held;
}

/** Rounds of one request each: forwards in even rounds, backwards in odd ones, after one that warms up. */
async function spendInTurn(context: SuiteContext, arms: readonly Arm[]): Promise<readonly Spent[]> {
  const { bench, config, setting } = context;
  const { requests } = config.efficiency;
  const [first, ...rest] = await setting.prompts("test", requests + 1, config.seed);
  return withAll(context, arms, [], async (opened) => {
    for (const open of opened) {
      open.spent.bytes += await peakOf(bench.options.device, () => request(context, open, first!, 0));
    }
    for (const [round, prompt] of rest.entries()) {
      const order = round % 2 === 0 ? opened : opened.toReversed();
      await inTurn(order, async (open) => {
        const { seconds, forwards, rewardCalls } = await request(context, open, prompt, round + 1);
        open.spent.seconds.push(seconds);
        open.spent.forwards += forwards / rest.length;
        open.spent.rewardCalls += rewardCalls / rest.length;
      });
    }
    return opened.map(({ spent }) => spent);
  });
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

/** How many times as fast the first is: the ratio of medians, its interval by drawing rounds, both arms' together. */
function speedUp(first: Spent, other: Spent, seed: number): Figure {
  const of = ({ seconds }: Spent, rows: Iterable<number>) => medianOf(Array.from(rows, (row) => seconds[row]!));
  const { value, low, high } = bootstrap(first.seconds.length, (rows) => of(other, rows) / of(first, rows), { seed });
  return { value: value!, low: low!, high: high! };
}

/** The paper's table of efficiency. */
export const efficiencySuite: Suite = {
  name: "efficiency",
  title: "Efficiency: one sequence at a time",
  needs: [needs.testPrompts],
  opensTogether: true,
  arms: (config, setting) => methods.map((method) => armOf(config, setting, method)),
  async run(context) {
    const { config } = context;
    const { newTokens, requests } = config.efficiency;
    const all = await spendInTurn(context, efficiencySuite.arms(config, context.setting));
    const find = (method: MethodId) => all.find(({ arm }) => arm.method === method)!;
    const faster = (method: MethodId, printed: number, target: number): Claim => {
      const ratio = speedUp(find("dual-head"), find(method), config.seed);
      const text = (value: number) => value.toFixed(2);
      return {
        statement: `dual-head is faster than ${method} (paper: ${printed.toFixed(2)} ×).`,
        holds:
          requests < fewestRounds
            ? null
            : decided({ value: ratio.value - 1, low: ratio.low! - 1, high: ratio.high! - 1 }),
        evidence: `${text(ratio.value)} × [${text(ratio.low!)}, ${text(ratio.high!)}] here; our own target was ${target} ×.`,
      };
    };
    return {
      suite: "efficiency",
      title: efficiencySuite.title,
      tables: [
        {
          title: `${newTokens} new tokens, one sequence`,
          caption: `Medians over ${requests} requests after one that warms up, all methods answering each prompt in turn; seconds with the fastest and slowest in brackets, ratios with intervals by bootstrap over rounds. The prompt is part of a request. Memory is what the device holds of the models that the method needs, with its caches, and at most during its first request; other methods' is not counted. Passes are those of the backbone; evaluations are of a separate reward model: a text for ARGS, a step for GenARM. The paper's figures are of an A100 and 7B models.`,
          columns: [
            { name: "seconds", digits: 2, isClock: true },
            { name: "peak memory, MB (paper: GB)", digits: 1 },
            { name: "backbone passes a token" },
            { name: "speed-up over ARGS", digits: 1, isClock: true },
            { name: "reward model evaluations a token" },
            { name: "tokens/s", digits: 0, isClock: true },
          ],
          rows: all.map((spent): TableRow => {
            const { arm, seconds, forwards, rewardCalls, bytes } = spent;
            const median = medianOf(seconds);
            return {
              label: arm.name,
              cells: [
                { value: median, low: Math.min(...seconds), high: Math.max(...seconds) },
                { value: bytes / 1e6 },
                { value: forwards },
                speedUp(spent, find("args"), config.seed),
                { value: rewardCalls },
                { value: newTokens / median },
              ],
              paper: [...(paperEfficiency[arm.method] ?? [null, null, null, null]), null, null],
            };
          }),
        },
      ],
      plots: [],
      claims: [faster("genarm", 8.7 / 7.2, 1.9), faster("args", 12.4 / 7.2, 8)],
      notes: [
        "A reply of one sequence is bound by reading weights; batches are another matter. At a million parameters heads are a large part of a model: docs/performance.md has the same methods at shapes up to 1.1B parameters.",
      ],
    };
  },
};
