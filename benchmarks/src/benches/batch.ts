// What sequences that decode together cost: steps of eight against steps of one, and whole generations of eight streams
// through the scheduler against one. Knows no training: the head is fresh, and as expensive as a trained one.
import { createScheduler, type DecodePolicy } from "@dual-head/sampler";
import { type Benchmark, type Context, extentsFor, roundsOf } from "../benchmark.ts";
import { createPolicyMaker } from "../fresh-head.ts";
import { type Alternative, measure, ratesOf, speedups, summarise } from "../harness.ts";
import { createRandomLlama, llamaExtents, modelShape, randomTokens } from "../random-model.ts";
import type { Reading } from "../row.ts";

const together = 8;
const promptLength = 16;
/** Steps of one sample, and tokens of one generation. */
const extents = { tiny: { steps: 1, newTokens: 2 }, full: { steps: 4, newTokens: 48 } };
const rounds = { warmupRounds: 3, rounds: 24 };
const sampling = { temperature: 0.8, topK: 40 };

/** Tokens a second of eight sequences at once, of one, and how many times as many they are. */
export const batch: Benchmark = {
  name: "batch",
  description: "decode tokens/s of 8 sequences at once against one, step by step and as streams of the scheduler",
  async *run(context: Context): AsyncIterable<Reading> {
    const model = extentsFor(context, llamaExtents.tiny, llamaExtents.medium);
    const { steps, newTokens } = extentsFor(context, extents.tiny, extents.full);
    const shape = modelShape(model);
    if (!context.accepts(shape)) return;
    const plan = roundsOf(context, rounds);
    const capacity = promptLength + Math.max(newTokens, steps * (plan.warmupRounds + plan.rounds) + 1);
    using weights = createRandomLlama(context.device, model);
    using maker = createPolicyMaker(context.device, weights);
    for (const name of maker.names) {
      for (const [work, count, alternativeOf] of [
        ["sequence", steps, (policy: DecodePolicy, size: number) => stepsOf(policy, size, steps)],
        ["stream", newTokens, (policy: DecodePolicy, size: number) => streamsOf(policy, size, newTokens)],
      ] as const) {
        const policies = [1, together].map((slotCount) => maker.create(name, { slotCount, capacity }));
        try {
          const alternatives: Alternative[] = [];
          for (const policy of policies) alternatives.push(await alternativeOf(policy, policy.slotCount!));
          const samples = await measure(alternatives, plan);
          for (const size of [1, together]) {
            const variant = `${name}, ${size} ${work}${size > 1 ? "s" : ""}`;
            const rates = ratesOf(samples, String(size), size * count);
            yield { shape, variant, unit: "tokens/s", summary: summarise(rates) };
          }
          const ratios = speedups(samples, String(together), "1").map((speed) => together * speed);
          yield { shape, variant: `${name}, ${work}s ${together} / 1`, unit: "× tokens/s", summary: summarise(ratios) };
        } finally {
          for (const policy of policies) policy[Symbol.dispose]();
        }
      }
    }
  },
};

/** Steps by tokens drawn beforehand, as far as the most likely token of each sequence. */
async function stepsOf(policy: DecodePolicy, size: number, count: number): Promise<Alternative> {
  const own = Array.from({ length: size }, (_, index) => ({
    sequence: policy.open(),
    tokens: [...randomTokens(policy.vocabSize, policy.maxTokens, index)],
  }));
  await policy.advance(own.map(({ sequence, tokens }) => ({ sequence, tokens: tokens.slice(0, promptLength) })));
  return {
    name: String(size),
    async run() {
      for (let index = 0; index < count; index++) {
        const steps = await policy.advance(
          own.map(({ sequence, tokens }) => ({ sequence, tokens: [tokens[policy.length(sequence)]!] })),
        );
        for (const step of steps) await step.candidates(1);
      }
    },
  };
}

/** Whole generations as people run them, the passes over their prompts included. */
function streamsOf(policy: DecodePolicy, size: number, maxNewTokens: number): Alternative {
  const scheduler = createScheduler(policy);
  return {
    name: String(size),
    async run() {
      const streams = Array.from({ length: size }, (_, seed) => {
        const prompt = [...randomTokens(policy.vocabSize, promptLength, seed)];
        return scheduler.generate({ prompt, maxNewTokens, seed, ...sampling });
      });
      await Promise.all(
        streams.map(async (events) => {
          let tokenCount = 0;
          for await (const { type } of events) if (type === "token") tokenCount++;
          if (tokenCount !== maxNewTokens) {
            throw new Error(`Cannot measure streams: one gave ${tokenCount} tokens where it must give ${maxNewTokens}`);
          }
        }),
      );
    },
  };
}
