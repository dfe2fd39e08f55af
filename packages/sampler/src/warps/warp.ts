// The order of the warps, which is that of the `transformers` library: bias, repetition penalty and banned tokens change what
// greedy choice sees; temperature, top-k, top-p and min-p then shape what is drawn from.
import type { Logits } from "../distribution.ts";
import { addLogitBias } from "./logit-bias.ts";
import { keepMinP } from "./min-p.ts";
import { penalizeRepetition } from "./repetition-penalty.ts";
import { scaleByTemperature } from "./temperature.ts";
import { keepTopK } from "./top-k.ts";
import { keepTopP } from "./top-p.ts";

/** The settings of all warps; what is left out changes nothing, and temperature is 1. */
export interface WarpSettings {
  /** Divides the logits; 0 means that the caller takes the largest logit, so nothing is scaled or cut off. */
  readonly temperature?: number | undefined;
  /** Keeps the k most likely tokens; 0 keeps all. */
  readonly topK?: number | undefined;
  /** Keeps the smallest set of most likely tokens with this mass, in (0, 1]. */
  readonly topP?: number | undefined;
  /** Keeps tokens of at least this share of the largest probability, in [0, 1]. */
  readonly minP?: number | undefined;
  /** Divides positive and multiplies negative logits of tokens seen, above 0. */
  readonly repetitionPenalty?: number | undefined;
  /** Added to single logits, in nats; −∞ excludes a token. */
  readonly logitBias?: ReadonlyMap<number, number> | undefined;
}

/**
 * Applies all warps in order: logit bias, repetition penalty, banned tokens, temperature, top-k, top-p, min-p. Returns a new
 * array; a setting at its neutral value costs nothing.
 *
 * @param logits [V]
 * @param seen ids of prompt and new tokens, for the repetition penalty
 * @param banned ids excluded at this step
 */
export function warpLogits(
  logits: Logits,
  settings: WarpSettings,
  seen: ReadonlySet<number>,
  banned: Iterable<number> = [],
): Float64Array {
  const { temperature = 1, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1, logitBias } = settings;
  let warped: Float64Array = Float64Array.from(logits);
  if (logitBias !== undefined && logitBias.size > 0) warped = addLogitBias(warped, logitBias);
  if (repetitionPenalty !== 1) warped = penalizeRepetition(warped, repetitionPenalty, seen);
  for (const id of banned) warped[id] = -Infinity;
  if (temperature === 0) return warped;
  if (temperature !== 1) warped = scaleByTemperature(warped, temperature);
  if (topK > 0) warped = keepTopK(warped, topK);
  if (topP < 1) warped = keepTopP(warped, topP);
  if (minP > 0) warped = keepMinP(warped, minP);
  return warped;
}
