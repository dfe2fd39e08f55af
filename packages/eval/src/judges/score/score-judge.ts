// A judge made of scores: the better answer is the one with the higher score. It does not know where scores come from.
import type { JsonValue } from "@dual-head/bytes";
import { type Exchange, exchangesOf, type Grade, type Judge, type JudgeOptions, type Verdict } from "../judge.ts";
import { JudgeError } from "../judge-error.ts";

/** Scores of exchanges in their order, finite or infinite, higher for better. */
export type Scorer = (exchanges: readonly Exchange[], signal?: AbortSignal) => Promise<ArrayLike<number>>;

/** What a judge of scores is made of. */
export interface ScoreJudgeOptions {
  readonly name: string;
  /** All that the scores depend on; default: the name alone. */
  readonly identity?: JsonValue | undefined;
  readonly score: Scorer;
  /** Scores that differ by no more are a tie; default 0. */
  readonly epsilon?: number | undefined;
  /** Exchanges given to the scorer at once; verdicts are known, and work ends, between calls. Default 64. */
  readonly batchSize?: number | undefined;
}

/**
 * Makes a judge of a scorer.
 *
 * @throws JudgeError ("bad-options") where epsilon or batchSize is out of range; ("bad-score") by prefer and grade where
 * the scorer gives NaN or another number of scores than it was given exchanges
 * @example
 * const longer = createScoreJudge({
 *   name: "longer",
 *   score: async (exchanges) => exchanges.map(({ answer }) => answer.length),
 * });
 */
export function createScoreJudge(options: ScoreJudgeOptions): Judge {
  const { name, identity = name, score, epsilon = 0, batchSize = 64 } = options;
  if (!(epsilon >= 0)) {
    throw new JudgeError(name, "bad-options", `Cannot make the judge ${name}: epsilon is ${epsilon}; give 0 or more`);
  }
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new JudgeError(
      name,
      "bad-options",
      `Cannot make the judge ${name}: batchSize is ${batchSize}; give 1 or more`,
    );
  }

  /** Scores batch by batch, of items that have `width` exchanges each. */
  async function inBatches<Item, Said>(
    items: readonly Item[],
    width: number,
    exchangesFor: (item: Item) => readonly Exchange[],
    judged: (scores: readonly number[]) => Said,
    { signal, onSaid }: JudgeOptions<Said>,
  ): Promise<readonly Said[]> {
    signal?.throwIfAborted();
    const results: Said[] = [];
    const step = Math.max(1, Math.floor(batchSize / width));
    for (let start = 0; start < items.length; start += step) {
      const batch = items.slice(start, start + step);
      const scores = await score(batch.flatMap(exchangesFor), signal);
      signal?.throwIfAborted();
      checkScores(name, scores, batch.length * width, start * width);
      for (let at = 0; at < batch.length; at++) {
        const said = judged(Array.from({ length: width }, (_, side) => scores[at * width + side]!));
        results.push(said);
        onSaid?.(start + at, said);
      }
    }
    return results;
  }

  return {
    name,
    identity: { scores: identity, epsilon },
    prefer: (comparisons, given = {}) =>
      inBatches(comparisons, 2, exchangesOf, ([first, second]) => compare(first!, second!, epsilon), given),
    grade: (exchanges, given = {}) =>
      inBatches(
        exchanges,
        1,
        (exchange) => [exchange],
        ([only]): Grade => ({ score: only!, raw: null }),
        given,
      ),
  };
}

function compare(first: number, second: number, epsilon: number): Verdict {
  // Equal infinities have no difference.
  const isTie = first === second || Math.abs(first - second) <= epsilon;
  return { winner: isTie ? "tie" : first > second ? "first" : "second", raw: null, scores: [first, second] };
}

function checkScores(name: string, scores: ArrayLike<number>, count: number, start: number): void {
  if (scores.length !== count) {
    throw new JudgeError(
      name,
      "bad-score",
      `Cannot judge by ${name}: its scorer gave ${scores.length} scores of ${count} answers; it must give one of each`,
    );
  }
  for (let at = 0; at < count; at++) {
    if (!Number.isNaN(scores[at])) continue;
    throw new JudgeError(
      name,
      "bad-score",
      `Cannot judge by ${name}: its score of answer ${start + at} is NaN; check the model and the text it was given`,
      start + at,
    );
  }
}
