// How soon a request begins whose prefix was fed before: milliseconds to the first token with a prefix cache and without,
// on the same weights. Knows no text: prompts are random tokens.
import { createPrefixCache } from "@dual-head/backbone";
import type { DecodePolicy } from "@dual-head/sampler";
import { type Benchmark, type Context, extentsFor, roundsOf } from "../benchmark.ts";
import { createPolicyMaker } from "../fresh-head.ts";
import { type Alternative, measure, samplesOf, speedups, summarise } from "../harness.ts";
import { createRandomLlama, llamaExtents, modelShape, randomTokens } from "../random-model.ts";
import type { Reading } from "../row.ts";

/** Tokens that requests share, and those that each has of its own. */
const lengths = { tiny: { shared: 19, own: 3 }, full: { shared: 500, own: 8 } };
const rounds = { warmupRounds: 2, rounds: 24 };
const prefixBytes = 64 * 2 ** 20;

/** Milliseconds to the first token of a request, and how many times sooner it is where its prefix is held. */
export const prefix: Benchmark = {
  name: "prefix",
  description: "milliseconds to the first token with a held prefix of 500 tokens and without, and their ratio",
  async *run(context: Context): AsyncIterable<Reading> {
    const { device } = context;
    const { shared, own } = extentsFor(context, lengths.tiny, lengths.full);
    using model = createRandomLlama(device, extentsFor(context, llamaExtents.tiny, llamaExtents.medium));
    const shape = `${modelShape(model.backbone.config)}, ${shared} + ${own} tokens`;
    if (!context.accepts(shape)) return;
    const extents = { slotCount: 1, capacity: shared + own };
    using maker = createPolicyMaker(device, model);
    for (const name of maker.names) {
      using prefixCache = createPrefixCache(model.backbone, device, {
        ...extents,
        prefixBytes: context.quick ? 2 ** 16 : prefixBytes,
      });
      using cold = maker.create(name, extents);
      using warm = maker.create(name, { ...extents, prefixCache });
      const samples = await measure(
        [requests("computed", cold, shared, own), requests("held", warm, shared, own)],
        roundsOf(context, rounds),
      );
      for (const variant of ["computed", "held"]) {
        const summary = summarise(samplesOf(samples, variant));
        yield { shape, variant: `${name}, prefix ${variant}`, unit: "ms", summary };
      }
      const summary = summarise(speedups(samples, "held", "computed"));
      yield { shape, variant: `${name}, computed / held`, unit: "× time", summary };
    }
  },
};

/** Requests that share a prefix and nothing else, from the empty sequence to the most likely token. */
function requests(name: string, policy: DecodePolicy, prefixLength: number, ownLength: number): Alternative {
  const shared = randomTokens(policy.vocabSize, prefixLength, 5);
  let seed = 100;
  return {
    name,
    async run() {
      const tokens = [...shared, ...randomTokens(policy.vocabSize, ownLength, seed++)];
      const sequence = policy.open();
      const [step] = await policy.advance([{ sequence, tokens }]);
      await step!.candidates(1);
      policy.close(sequence);
    },
  };
}
