// Time of a decode step as the context grows: no steps in it, and a slope that the bytes of keys and values explain.
// Knows no head.
import { createBasePolicy } from "@dual-head/methods";
import { type Benchmark, type Context, extentsFor, roundsOf } from "../benchmark.ts";
import { measure, samplesOf, summarise } from "../harness.ts";
import { createRandomLlama, llamaExtents, modelShape, randomTokens } from "../random-model.ts";
import { counted, type Reading } from "../row.ts";

const lengths = { tiny: [2, 5], full: [16, 64, 256, 1024, 2048, 4096] };
const stepCount = 4;
const rounds = { warmupRounds: 2, rounds: 9 };
/** Tokens of a prompt that are fed at once. */
const chunk = 256;

/** Milliseconds a step at each length of the context, and bytes of keys and values a second along the slope. */
export const contextLength: Benchmark = {
  name: "context",
  description: "milliseconds a decode step by the length of the context, and the GB/s of keys and values of its slope",
  async *run(context: Context): AsyncIterable<Reading> {
    const extents = extentsFor(context, llamaExtents.tiny, { ...llamaExtents.medium, maxTokens: 8192 });
    const all = extentsFor(context, lengths.tiny, lengths.full);
    const plan = roundsOf(context, rounds);
    const added = stepCount * (plan.warmupRounds + plan.rounds);
    using model = createRandomLlama(context.device, extents);
    const shape = modelShape(model.backbone.config);
    if (!context.accepts(shape)) return;
    const capacity = all.at(-1)! + added + 1;
    using policy = createBasePolicy({ ...model, device: context.device, slotCount: all.length, capacity });
    const tokens = [...randomTokens(policy.vocabSize, capacity, 7)];
    const alternatives = [];
    for (const length of all) {
      const sequence = policy.open();
      for (let at = 0; at < length; at += chunk) {
        await policy.advance([{ sequence, tokens: tokens.slice(at, Math.min(length, at + chunk)) }]);
      }
      alternatives.push({
        name: String(length),
        async run() {
          for (let index = 0; index < stepCount; index++) {
            const [step] = await policy.advance([{ sequence, tokens: [tokens[policy.length(sequence)]!] }]);
            await step!.candidates(1);
          }
        },
      });
    }
    const samples = await measure(alternatives, plan);
    const medians = all.map((length) => summarise(samplesOf(samples, String(length)).map((ms) => ms / stepCount)));
    for (const [index, summary] of medians.entries()) yield { shape, variant: `T ${all[index]}`, unit: "ms", summary };
    const keys = 2 * extents.groupCount * (extents.hiddenSize / extents.headCount);
    const bytes = 4 * extents.layerCount * keys;
    const slope = slopeOf(
      all,
      medians.map(({ value }) => value),
    );
    yield { shape, variant: "slope", unit: "GB/s of keys and values", summary: counted(bytes / (slope * 1e6)) };
  },
};

/** Least squares: milliseconds a token of context; at least a picosecond, for a slope may drown in noise. */
function slopeOf(x: readonly number[], y: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [centreX, centreY] = [mean(x), mean(y)];
  const covariance = x.reduce((sum, value, index) => sum + (value - centreX) * (y[index]! - centreY), 0);
  const variance = x.reduce((sum, value) => sum + (value - centreX) ** 2, 0);
  return Math.max(1e-9, covariance / variance);
}
