// Chooses the next token of a step by a request's settings: from its few most likely tokens where these decide alone, else
// from all logits, with the same outcome. Knows no sequence and no end.
import { argmax, logProbability, sampleToken } from "./distribution.ts";
import type { Step } from "./policy.ts";
import { createRandom } from "./random.ts";
import { type WarpSettings, warpLogits } from "./warps/warp.ts";

/** What decides a choice. */
export interface ChoiceSettings extends WarpSettings {
  /** Seed of the draws; 0 by default. */
  readonly seed?: number | undefined;
}

/** A token with its log-probability under the policy, before any warp, in nats. */
export interface Choice {
  readonly token: number;
  readonly logp: number;
}

/** Chooses from one step; the calls of one sequence share its random stream. */
export type Chooser = (step: Step, seen: ReadonlySet<number>, banned: ReadonlySet<number>) => Promise<Choice>;

/** Creates the chooser of one sequence. */
export function createChooser(settings: ChoiceSettings): Chooser {
  const random = createRandom(settings.seed ?? 0);
  const greedy = settings.temperature === 0;
  const enough = decisiveCount(settings);
  return async (step, seen, banned) => {
    if (enough === null || banned.size > 0) {
      const logits = await step.logits();
      const warped = warpLogits(logits, settings, seen, banned);
      const token = greedy ? argmax(warped) : sampleToken(warped, random);
      return { token, logp: logProbability(logits, token) };
    }
    const { ids, logits, logNormalizer } = await step.candidates(enough);
    // In the order of ids, as all logits would be: then every sum has the same addends in the same order.
    const order = [...ids.keys()].sort((a, b) => ids[a]! - ids[b]!);
    const values = Float64Array.from(order, (rank) => logits[rank]!);
    const place = greedy ? argmax(values) : sampleToken(warpLogits(values, settings, seen), random);
    return { token: ids[order[place]!]!, logp: values[place]! - logNormalizer };
  };
}

// Selecting more than this costs a device as much as reading all logits.
const mostCandidates = 256;

/** How many of the most likely tokens decide the choice, or null where any token may. */
function decisiveCount({ temperature, topK = 0, repetitionPenalty = 1, logitBias }: ChoiceSettings): number | null {
  // These may lift a token over others that were more likely.
  if (repetitionPenalty !== 1 || (logitBias !== undefined && logitBias.size > 0)) return null;
  if (temperature === 0) return 1;
  return topK >= 1 && topK <= mostCandidates ? topK : null;
}
