// Steps of a generation as people run it, one a round. Knows no benchmark and no method.
import { type DecodePolicy, sampled } from "@dual-head/sampler";
import type { Alternative } from "./harness.ts";
import { randomTokens } from "./random-model.ts";

/** Tokens of the prompt that a generation starts from. */
export const promptLength = 16;
/** What people usually sample with. */
const sampling = { temperature: 0.8, topK: 40 };

/** One token a round; the pass over the prompt belongs to the first, a warm-up. */
export function sampledSteps(name: string, policy: DecodePolicy, capacity: number): Alternative {
  const prompt = [...randomTokens(policy.vocabSize, promptLength, 5)];
  const events = sampled(policy)
    .generate({ prompt, maxNewTokens: capacity - promptLength, seed: 6, ...sampling })
    [Symbol.asyncIterator]();
  return {
    name,
    async run() {
      const { value } = await events.next();
      if (value?.type !== "token")
        throw new Error(`Cannot measure ${name}: the generation ended before the rounds did`);
    },
  };
}
