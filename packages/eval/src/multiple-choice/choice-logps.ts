// Log-probabilities of answers that go on from one prompt, which is read once. Knows policies as the sampler does.
import type { Controls, DecodePolicy, Sequence } from "@dual-head/sampler";
import { MetricError } from "../metric-error.ts";

const metric = "log-probabilities of choices";

/** A prompt and its continuations as tokens. */
export interface TokenChoices {
  /** At least one token. */
  readonly prompt: readonly number[];
  /** At least one token each. */
  readonly continuations: readonly (readonly number[])[];
}

/**
 * Tokens of prompt and continuations, each encoded together with the prompt, as in TruthfulQA: where an answer changes the
 * last tokens of its prompt, these belong to the answers of all.
 *
 * @throws MetricError ("empty") where a continuation adds no token or nothing is left of the prompt
 */
export function tokenChoices(
  encode: (text: string) => ArrayLike<number>,
  prompt: string,
  continuations: readonly string[],
): TokenChoices {
  const alone = Array.from(encode(prompt));
  const whole = continuations.map((each) => Array.from(encode(prompt + each)));
  const shared = whole.reduce((length, tokens) => {
    const differs = tokens.slice(0, length).findIndex((token, at) => token !== alone[at]);
    return differs < 0 ? Math.min(length, tokens.length) : differs;
  }, alone.length);
  if (shared === 0) throw new MetricError(metric, "empty", "the prompt has no token of its own; give a longer one");
  const empty = whole.findIndex((tokens) => tokens.length === shared);
  if (empty >= 0) {
    throw new MetricError(metric, "empty", `continuation ${empty} adds no token; give it a text`, empty);
  }
  return { prompt: alone.slice(0, shared), continuations: whole.map((tokens) => tokens.slice(shared)) };
}

/**
 * Σ ln p of each continuation after the prompt, nats.
 *
 * @param controls knobs of the policy, such as a strength
 * @throws MetricError where the prompt or a continuation has no tokens; what the policy throws
 */
export async function choiceLogps(
  policy: DecodePolicy,
  { prompt, continuations }: TokenChoices,
  controls?: Controls,
): Promise<readonly number[]> {
  const empty = [prompt, ...continuations].findIndex((tokens) => tokens.length === 0);
  if (empty >= 0) {
    const name = empty === 0 ? "the prompt" : `continuation ${empty - 1}`;
    throw new MetricError(metric, "empty", `${name} has no tokens; give it at least one`);
  }
  const logps: number[] = [];
  const begun = policy.open(controls);
  try {
    await policy.score([{ sequence: begun, tokens: prompt }]);
    // One sequence stays with the prompt; the others are forks of it.
    const room = Math.max(1, Math.min(16, (policy.slotCount ?? 17) - 1));
    for (let start = 0; start < continuations.length; start += room) {
      const forks: { readonly sequence: Sequence; readonly tokens: readonly number[] }[] = [];
      try {
        for (const tokens of continuations.slice(start, start + room)) {
          forks.push({ sequence: policy.fork(begun), tokens });
        }
        for (const { logp } of await policy.score(forks)) logps.push(logp.reduce((sum, each) => sum + each, 0));
      } finally {
        for (const { sequence } of forks) policy.close(sequence);
      }
    }
  } finally {
    policy.close(begun);
  }
  return logps;
}
