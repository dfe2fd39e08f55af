// "Efficiency": latency, speed, memory and passes a token of each method, one sequence at a time, as a user would wait for it.
import { performance } from "node:perf_hooks";
import type { Arm, MethodId } from "../arm.ts";
import type { Claim, TableRow } from "../figures.ts";
import { armOf, type Suite, type SuiteContext } from "./context.ts";
import { paperEfficiency } from "./paper.ts";

const methods: readonly MethodId[] = ["args", "genarm", "dual-head", "dpo", "simpo", "base"];

interface Spent {
  readonly arm: Arm;
  readonly seconds: readonly number[];
  readonly forwards: number;
  readonly rewardCalls: number;
  readonly bytes: number;
}

/** Requests of an arm, each timed by itself, after one that warms up. */
async function spend(context: SuiteContext, arm: Arm): Promise<Spent> {
  const { bench, config, setting } = context;
  const { newTokens, requests } = config.efficiency;
  const prompts = await setting.prompts("test", requests + 1, config.seed);
  const { maxTokens } = (await bench.backbone(arm.backbone)).llama.config;
  return bench.withMethod(arm, 1, maxTokens, async (method, _, tokenizer) => {
    const seconds: number[] = [];
    const before = { forwards: 0, rewardCalls: 0 };
    for (const [index, { text }] of prompts.entries()) {
      const prompt = [...tokenizer.encode(text)];
      const ordinary = bench.request(arm, prompt, index, method, tokenizer);
      const started = performance.now();
      const request = { ...ordinary, maxNewTokens: newTokens, minNewTokens: newTokens, stopStrings: [] };
      for await (const _event of method.generator.generate(request)) context.signal.throwIfAborted();
      if (index === 0) Object.assign(before, method.generator.cost);
      else seconds.push((performance.now() - started) / 1000);
    }
    const { forwards, rewardCalls } = method.generator.cost;
    const tokens = newTokens * requests;
    return {
      arm,
      seconds,
      forwards: (forwards - before.forwards) / tokens,
      rewardCalls: (rewardCalls - before.rewardCalls) / tokens,
      bytes: bench.options.device.stats.bytes,
    };
  });
}

const medianOf = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** The paper's table of efficiency. */
export const efficiencySuite: Suite = {
  name: "efficiency",
  title: "Efficiency: one sequence at a time",
  arms: (config, setting) => methods.map((method) => armOf(config, setting, method)),
  async run(context) {
    const { newTokens, requests } = context.config.efficiency;
    const all: Spent[] = [];
    for (const arm of efficiencySuite.arms(context.config, context.setting)) all.push(await spend(context, arm));
    const args = medianOf(all.find(({ arm }) => arm.method === "args")!.seconds);
    const own = medianOf(all.find(({ arm }) => arm.method === "dual-head")!.seconds);
    const ratio = (method: MethodId) => medianOf(all.find(({ arm }) => arm.method === method)!.seconds) / own;
    const faster = (method: MethodId, printed: number, target: number): Claim => ({
      statement: `dual-head is faster than ${method} (paper: ${printed.toFixed(2)} ×).`,
      holds: ratio(method) > 1,
      evidence: `${ratio(method).toFixed(2)} × here; our own target was ${target} ×.`,
    });
    return {
      suite: "efficiency",
      title: efficiencySuite.title,
      tables: [
        {
          title: `${newTokens} new tokens, one sequence`,
          caption: `Median over ${requests} requests after one that warms up, fastest and slowest in brackets; the prompt is part of it. Reward calls are evaluations of a separate reward model: a text for ARGS, a step for GenARM. Memory is what the device holds with every backbone of the run. The paper's figures are of an A100 and 7B models.`,
          columns: [
            { name: "seconds", digits: 2, isClock: true },
            { name: "memory, MB (paper: GB)", digits: 1 },
            { name: "forwards a token" },
            { name: "speed-up over ARGS", digits: 1, isClock: true },
            { name: "reward calls a token" },
            { name: "tokens/s", digits: 0, isClock: true },
          ],
          rows: all.map(({ arm, seconds, forwards, rewardCalls, bytes }): TableRow => {
            const median = medianOf(seconds);
            return {
              label: arm.name,
              cells: [
                { value: median, low: Math.min(...seconds), high: Math.max(...seconds) },
                { value: bytes / 1e6 },
                { value: forwards },
                { value: args / median },
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
      notes: ["A reply of one sequence is bound by reading weights; batches are another matter."],
    };
  },
};
