// The KL of a policy from its base along given responses, in batches. It knows policies as the sampler does.
import type { Controls, DecodePolicy } from "@dual-head/sampler";
import { checkCount, MetricError } from "../metric-error.ts";
import { logProbabilitiesOf, sampledKl, tokenKl } from "./kl.ts";

/** A response that was drawn from the policy. */
export interface DrawnResponse {
  /** At least one token. */
  readonly prompt: readonly number[];
  /** The end-of-text token included where it was drawn. */
  readonly response: readonly number[];
  /** Knobs under which it was drawn. */
  readonly controls?: Controls | undefined;
}

/** KL along one response, nats. */
export interface ResponseKl {
  /** Tokens of the response. */
  readonly length: number;
  /** Σ over tokens of the exact KL of their distributions. */
  readonly exact: number;
  /** ln π(y|x) − ln π_base(y|x). */
  readonly sampled: number;
}

/** How policies are compared. */
export interface PolicyKlOptions {
  readonly policy: DecodePolicy;
  /** Must have the policy's vocabulary; may be the policy itself, where `baseControls` make it its base. */
  readonly base: DecodePolicy;
  /** Such as strength 0; default: none. */
  readonly baseControls?: Controls | undefined;
  readonly responses: readonly DrawnResponse[];
  /** At which the responses were drawn; both distributions are tempered. Default 1. */
  readonly temperature?: number | undefined;
  /** Responses scored at once, as far as the policies have room; each holds length × V numbers. Default 8. */
  readonly batchSize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The KL of a policy from its base along responses drawn from it, in their order.
 *
 * @throws MetricError where vocabularies differ, a prompt is empty or a distribution is not finite
 * @throws the signal's reason where it is aborted, between batches
 */
export async function policyKl(options: PolicyKlOptions): Promise<readonly ResponseKl[]> {
  const { policy, base, baseControls, responses, temperature = 1, batchSize = 8, signal } = options;
  checkCount("a policy's KL", "batchSize", batchSize, 1);
  if (policy.vocabSize !== base.vocabSize) {
    const reason = `the policy has ${policy.vocabSize} tokens and its base ${base.vocabSize}; give two of one vocabulary`;
    throw new MetricError("a policy's KL", "mismatch", reason);
  }
  const empty = responses.findIndex(({ prompt }) => prompt.length === 0);
  if (empty >= 0) {
    const reason = `prompt ${empty} has no tokens; begin it with the begin-of-text token`;
    throw new MetricError("a policy's KL", "empty", reason, empty);
  }
  const room = Math.min(batchSize, policy.slotCount ?? batchSize, base.slotCount ?? batchSize);
  const results: ResponseKl[] = [];
  for (let start = 0; start < responses.length; start += room) {
    signal?.throwIfAborted();
    const batch = responses.slice(start, start + room);
    const own = await distributionsOf(policy, batch, temperature);
    const bases = await distributionsOf(
      base,
      batch.map(({ prompt, response }) => ({ prompt, response, controls: baseControls })),
      temperature,
    );
    for (const [at, { response }] of batch.entries()) {
      const [rows, baseRows] = [own[at]!, bases[at]!];
      const logp = (from: readonly Float64Array[]) => response.map((token, t) => from[t]![token]!);
      results.push({
        length: response.length,
        exact: rows.reduce((sum, row, t) => sum + tokenKl(row, baseRows[t]!), 0),
        sampled: sampledKl(logp(rows), logp(baseRows)),
      });
    }
  }
  return results;
}

/** Log-probabilities [V] of each token of each response. */
async function distributionsOf(
  policy: DecodePolicy,
  batch: readonly DrawnResponse[],
  temperature: number,
): Promise<readonly (readonly Float64Array[])[]> {
  const drawn = batch.filter(({ response }) => response.length > 0);
  const sequences = drawn.map(({ controls }) => policy.open(controls));
  try {
    const entriesOf = (tokensOf: (each: DrawnResponse) => readonly number[]) =>
      drawn
        .map((each, at) => ({ sequence: sequences[at]!, tokens: tokensOf(each) }))
        .filter(({ tokens }) => tokens.length > 0);
    // All but the last token of a prompt needs no logits.
    const before = entriesOf(({ prompt }) => prompt.slice(0, -1));
    if (before.length > 0) await policy.advance(before);
    const after = entriesOf(({ prompt, response }) => [prompt.at(-1)!, ...response.slice(0, -1)]);
    const scores = after.length === 0 ? [] : await policy.score(after, { logits: true });
    let next = 0;
    return batch.map(({ response }) =>
      response.length === 0 ? [] : scores[next++]!.logits!.map((row) => logProbabilitiesOf(row, temperature)),
    );
  } finally {
    for (const sequence of sequences) policy.close(sequence);
  }
}
