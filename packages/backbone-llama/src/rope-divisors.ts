// Divisors of rotary frequencies, one a pair, as GGUF files hold them in place of a rule: what a rule's are, and which rule
// has given ones. Knows no file.
import { type RopeConfig, ropeFrequencies } from "./rope.ts";
import { type RopeScaling, ropeScalingJson } from "./rope-scaling.ts";

/** What each pair's frequency is divided by under the config's rule, R/2 numbers. */
export function ropeDivisors(config: RopeConfig): Float64Array {
  const scaled = ropeFrequencies(config);
  return ropeFrequencies({ ...config, ropeScaling: null }).map((frequency, pair) => frequency / scaled[pair]!);
}

/** Divisors are stored as f32, computed in f32 by some writers. */
const tolerance = 2e-6;

/** Turns in the original length below which pairs are stretched, and above which they are left: every LLaMA 3's. */
const [usualLow, usualHigh] = [1, 4] as const;

/**
 * The `rope_scaling` of a config.json that has these divisors: the rule they were made by (linear, llama3) where there is
 * one, else themselves as a longrope whose factors are the same at every length; null where they change nothing.
 *
 * @param config the head's sizes and θ, without a rule
 * @param context positions of the model
 */
export function ropeScalingOfDivisors(
  divisors: readonly number[],
  config: Pick<RopeConfig, "headSize" | "ropeTheta" | "rotarySize">,
  context: number,
): Readonly<Record<string, unknown>> | null {
  if (divisors.every((divisor) => divisor === 1)) return null;
  const last = divisors.at(-1)!;
  if (divisors.every((divisor) => divisor === last)) return { rope_type: "linear", factor: last };
  for (const rule of llama3Rules(divisors, ropeFrequencies({ ...config, ropeScaling: null }))) {
    const own = ropeDivisors({ ...config, ropeScaling: rule });
    if (own.every((divisor, pair) => Math.abs(divisor - divisors[pair]!) <= tolerance * divisor)) {
      return ropeScalingJson(rule);
    }
  }
  return {
    rope_type: "longrope",
    short_factor: divisors,
    long_factor: divisors,
    original_max_position_embeddings: context,
    attention_factor: 1,
  };
}

/** Rules that may have made the divisors; whoever asks compares. */
function llama3Rules(divisors: readonly number[], frequencies: Float64Array): readonly RopeScaling[] {
  const most = Math.max(...divisors);
  const factor = Math.abs(Math.round(most) - most) <= tolerance * most ? Math.round(most) : most;
  if (!(factor > 1)) return [];
  const turns = (pair: number) => frequencies[pair]! / (2 * Math.PI);
  // Between stretched and left, the share kept is a line in the turns: (original·turns − low)/(high − low).
  const ramp = divisors.flatMap((divisor, pair) => {
    const kept = (1 / divisor - 1 / factor) / (1 - 1 / factor);
    return kept > tolerance && kept < 1 - tolerance ? [{ kept, turns: turns(pair) }] : [];
  });
  const rules: RopeScaling[] = [];
  const add = (original: number, high: number) => {
    const originalMaxTokens = Math.round(original);
    if (!(originalMaxTokens >= 2 && originalMaxTokens < 2 ** 31 && high > usualLow)) return;
    rules.push({
      ...{ type: "llama3", factor, originalMaxTokens },
      ...{ lowFrequencyFactor: usualLow, highFrequencyFactor: high },
    });
  };
  const [first, end] = [ramp[0], ramp.at(-1)];
  if (first !== undefined) add((first.kept * (usualHigh - usualLow) + usualLow) / first.turns, usualHigh);
  else add(lengthBetween(divisors, turns), usualHigh);
  if (first !== undefined && end !== undefined && end !== first) {
    // Low, high and length are given up to a common factor, so that low may be the usual one.
    const slope = (first.kept - end.kept) / (first.turns - end.turns);
    const width = usualLow / (slope * first.turns - first.kept);
    add(slope * width, usualLow + width);
  }
  return rules;
}

/** A length at which all pairs that are left turn often and those that are stretched seldom, where none is between. */
function lengthBetween(divisors: readonly number[], turns: (pair: number) => number): number {
  const slow = divisors.findIndex((divisor) => divisor !== 1);
  const most = usualLow / turns(slow);
  const least = slow === 0 ? 1 : usualHigh / turns(slow - 1);
  return Math.sqrt(Math.max(least, 1) * most);
}
