// Coherence: how near responses are to their prompts, as an embedder sees them. Knows no model.
import { type MeanEstimate, meanInterval } from "../intervals/mean.ts";
import { checkSameLength, MetricError } from "../metric-error.ts";
import type { Embedder } from "./embedder.ts";

const metric = "coherence";

/** A prompt and the response to it. */
export interface PromptResponse {
  readonly prompt: string;
  readonly response: string;
}

/** How near responses are to their prompts. */
export interface Coherence {
  /** Whose vectors these are. */
  readonly embedder: string;
  /** Mean cosine of the vectors of prompt and response, −1 to 1, with Student's interval over pairs. */
  readonly cosine: MeanEstimate;
  /**
   * The same of each prompt with the response to the next other one: what is alike in any two texts. Mean hidden states of
   * language models are near to one another whatever the texts say, so that only the distance to this means something. Null
   * where there is one prompt only.
   */
  readonly unrelated: MeanEstimate | null;
  /** Cosines in the order of the pairs, for paired comparisons of methods. */
  readonly cosines: readonly number[];
}

/**
 * a·b / (|a||b|), −1 to 1.
 *
 * @throws MetricError where the vectors differ in length or one is 0 or not finite
 */
export function cosineOf(first: ArrayLike<number>, second: ArrayLike<number>): number {
  checkSameLength(metric, first, second);
  // Scaled by the largest numbers, whose squares might be 0 or infinite.
  const [scale, otherScale] = [largestOf(first), largestOf(second)];
  let [product, square, otherSquare] = [0, 0, 0];
  for (let at = 0; at < first.length; at++) {
    const [own, other] = [first[at]! / scale, second[at]! / otherScale];
    product += own * other;
    square += own * own;
    otherSquare += other * other;
  }
  return Math.max(-1, Math.min(1, product / Math.sqrt(square * otherSquare)));
}

/**
 * The mean cosine of prompts and responses, beside that of prompts and other prompts' responses.
 *
 * @throws MetricError where there are no pairs, or the embedder gives no vector, another length, 0 or what is not finite
 * @throws what the embedder throws
 */
export async function coherenceOf(
  embedder: Embedder,
  pairs: readonly PromptResponse[],
  signal?: AbortSignal,
): Promise<Coherence> {
  if (pairs.length === 0) throw new MetricError(metric, "empty", "there are no pairs; give at least one");
  const texts = [...new Set(pairs.flatMap(({ prompt, response }) => [prompt, response]))];
  const embedded = await embedder.embed(texts, signal);
  checkSameLength(metric, embedded, texts);
  const vectors = new Map(texts.map((text, at) => [text, embedded[at]!]));
  const cosine = (prompt: string, response: string) => cosineOf(vectors.get(prompt)!, vectors.get(response)!);
  const cosines = pairs.map(({ prompt, response }) => cosine(prompt, response));
  const others = pairs.flatMap(({ prompt }, at) => {
    const next = [...pairs.slice(at + 1), ...pairs.slice(0, at)].find((pair) => pair.prompt !== prompt);
    return next === undefined ? [] : [cosine(prompt, next.response)];
  });
  return {
    embedder: embedder.name,
    cosine: meanInterval(cosines),
    unrelated: others.length === 0 ? null : meanInterval(others),
    cosines,
  };
}

function largestOf(vector: ArrayLike<number>): number {
  let largest = 0;
  for (let at = 0; at < vector.length; at++) {
    const size = Math.abs(vector[at]!);
    if (!Number.isFinite(size)) {
      throw new MetricError(metric, "not-finite", `number ${at} of a vector is ${vector[at]}; check the embedder`, at);
    }
    if (size > largest) largest = size;
  }
  if (largest > 0) return largest;
  throw new MetricError(
    metric,
    "undefined",
    "a vector is 0, which is near to nothing; check its text and the embedder",
  );
}
