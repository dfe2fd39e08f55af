// Best-of-n: n answers of a generator, of which the one with the highest score is given. Knows no model: the score comes
// from outside.
import {
  type BatchEvent,
  type BatchGenerator,
  type BatchOptions,
  type GenerateEvent,
  type GenerateRequest,
  onlyEvents,
} from "@dual-head/sampler";
import { PolicyError } from "../policy/errors.ts";

/** An answer to be scored: its request and its tokens. */
export interface ScoredText {
  readonly prompt: readonly number[];
  readonly answer: readonly number[];
}

/** What best-of-n is made of. */
export interface BestOfNOptions {
  readonly generator: BatchGenerator;
  /** n, at least 1. */
  readonly count: number;
  /** One score for each text, higher is better; every text is one call of a reward model. */
  readonly score: (texts: readonly ScoredText[]) => Promise<ArrayLike<number>>;
}

/**
 * Creates the generator. Answer 0 is drawn with the request's seed, so that n = 1 is the generator itself; the others with
 * seeds that follow from it. The first of equals wins. Events come when all n answers are there. KL(π‖π_base) is at most
 * log n − (n − 1)/n (Beirami et al. 2024, arXiv 2401.01879).
 *
 * @throws PolicyError where n is not a positive integer
 */
export function createBestOfN({ generator, count, score }: BestOfNOptions): BatchGenerator {
  if (!(Number.isInteger(count) && count >= 1)) {
    throw new PolicyError("count", `Cannot create best-of-n: n is ${count}; it must be a positive integer`);
  }
  let rewardCalls = 0;

  async function* generateBatch(
    requests: readonly GenerateRequest[],
    options?: BatchOptions,
  ): AsyncGenerator<BatchEvent, void, void> {
    const all = requests.flatMap((request) =>
      Array.from({ length: count }, (_, candidate) => ({ ...request, seed: seedOf(request.seed ?? 0, candidate) })),
    );
    const events: GenerateEvent[][] = all.map(() => []);
    for await (const { index, event } of generator.generateBatch(all, options)) {
      events[index]!.push(event);
      const request = Math.floor(index / count);
      const own = events.slice(request * count, (request + 1) * count);
      if (!own.every((each) => each.at(-1)?.type === "end")) continue;
      const place = count === 1 ? 0 : await choose(requests[request]!, own);
      for (const each of own[place]!) yield { index: request, event: each };
    }
  }

  async function choose(
    { prompt }: GenerateRequest,
    candidates: readonly (readonly GenerateEvent[])[],
  ): Promise<number> {
    const texts = candidates.map((events) => ({
      prompt,
      answer: events.flatMap((event) => (event.type === "token" ? [event.token] : [])),
    }));
    const scores = Array.from(await score(texts));
    rewardCalls += texts.length;
    return scores.reduce((best, value, place) => (value > scores[best]! ? place : best), 0);
  }

  return {
    generate: (request) => onlyEvents(generateBatch([request])),
    generateBatch,
    get cost() {
      const { forwards, tokens, rewardCalls: inner } = generator.cost;
      return { forwards, tokens, rewardCalls: inner + rewardCalls };
    },
  };
}

/** Seeds of the candidates: the request's own, then others far from those of neighbouring requests. */
function seedOf(seed: number, candidate: number): number {
  return (seed + candidate * 2_654_435_761) % Number.MAX_SAFE_INTEGER;
}
