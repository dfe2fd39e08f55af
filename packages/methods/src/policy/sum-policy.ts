// Several language models read the same tokens, and their log-probabilities are added up with coefficients that follow
// from the controls of a sequence: GenARM, proxy-tuning and MOD are this with coefficients of their own.
import { type Controls, type DecodePolicy, logNormalizer, type Sequence } from "@dual-head/sampler";
import { PolicyError } from "./errors.ts";
import { createHostPolicy } from "./host-policy.ts";

/** One of the models. */
export interface SumMember {
  /** For messages. */
  readonly name: string;
  /** The sum takes it over and disposes it. */
  readonly policy: DecodePolicy;
  /** Whether its passes count as calls of a reward model instead of forwards. */
  readonly isReward: boolean;
}

/** What a sum is made of. */
export interface SumPolicyOptions {
  /** At least one, of one vocabulary. */
  readonly members: readonly SumMember[];
  /** One coefficient a member; throws where the controls cannot be. A coefficient of 0 takes no part. */
  readonly coefficients: (controls: Controls) => readonly number[];
}

/**
 * Creates the policy log π ∝ Σᵢ cᵢ·log πᵢ. Where one coefficient is 1 and the others 0, the logits are that member's to the
 * last bit.
 *
 * @throws PolicyError where the vocabularies differ
 */
export function createSumPolicy({ members, coefficients }: SumPolicyOptions): DecodePolicy {
  const [first] = members;
  const { vocabSize } = first!.policy;
  const stranger = members.find(({ policy }) => policy.vocabSize !== vocabSize);
  if (stranger !== undefined) {
    throw new PolicyError(
      "members",
      `Cannot add up the models: ${stranger.name} has ${stranger.policy.vocabSize} tokens but ${first!.name} has ${vocabSize}; use models of one tokenizer`,
    );
  }
  const slotCounts = members.flatMap(({ policy }) => policy.slotCount ?? []);
  const close = (state: readonly Sequence[]) => {
    for (const [index, sequence] of state.entries()) members[index]!.policy.close(sequence);
  };
  const take = (open: (policy: DecodePolicy, index: number) => Sequence): readonly Sequence[] => {
    const taken: Sequence[] = [];
    try {
      for (const [index, { policy }] of members.entries()) taken.push(open(policy, index));
    } catch (error) {
      close(taken);
      throw error;
    }
    return taken;
  };
  const canTruncate = (state: readonly Sequence[], index: number, length: number): boolean =>
    members[index]!.policy.canTruncate?.(state[index]!, length) ?? true;
  let rewardCalls = 0;
  return createHostPolicy<readonly Sequence[], readonly (Float32Array | Float64Array)[], readonly number[]>({
    vocabSize,
    maxTokens: Math.min(...members.map(({ policy }) => policy.maxTokens)),
    slotCount: slotCounts.length === 0 ? undefined : Math.min(...slotCounts),
    resolve: coefficients,
    open: () => take((policy) => policy.open()),
    fork: (state) => take((policy, index) => policy.fork(state[index]!)),
    truncate(state, length) {
      // Windows differ: one that refuses does so, with its own reason, before any member is cut.
      const refusing = members.findIndex((_, index) => !canTruncate(state, index, length));
      if (refusing >= 0) members[refusing]!.policy.truncate(state[refusing]!, length);
      for (const [index, sequence] of state.entries()) members[index]!.policy.truncate(sequence, length);
    },
    canTruncate: (state, length) => members.every((_, index) => canTruncate(state, index, length)),
    close,
    async feed(entries, rows) {
      const said: (Float32Array | Float64Array)[][][] = entries.map(() => []);
      for (const [index, { policy, isReward }] of members.entries()) {
        const own = entries.map(({ state, tokens }) => ({ sequence: state[index]!, tokens }));
        if (isReward) rewardCalls += entries.length;
        const logits =
          rows === "last"
            ? await Promise.all((await policy.advance(own)).map(async (step) => [await step.logits()]))
            : (await policy.score(own, { logits: true })).map((scores) => scores.logits!);
        for (const [entry, each] of logits.entries()) {
          for (const [row, values] of each.entries()) {
            said[entry]![row] ??= [];
            said[entry]![row]!.push(values);
          }
        }
      }
      return said;
    },
    logits: (said, own) => weightedLogits(said, own),
    get cost() {
      const base = members.filter(({ isReward }) => !isReward).map(({ policy }) => policy.cost);
      return {
        forwards: base.reduce((sum, { forwards }) => sum + forwards, 0),
        tokens: base.reduce((sum, { tokens }) => sum + tokens, 0),
        rewardCalls: base.reduce((sum, each) => sum + each.rewardCalls, rewardCalls),
      };
    },
    [Symbol.dispose]() {
      for (const { policy } of members) policy[Symbol.dispose]();
    },
  });
}

function weightedLogits(said: readonly (Float32Array | Float64Array)[], coefficients: readonly number[]): Float64Array {
  const active = coefficients.flatMap((coefficient, index) => (coefficient === 0 ? [] : [{ coefficient, index }]));
  const [only] = active;
  if (active.length === 1 && only!.coefficient === 1) return Float64Array.from(said[only!.index]!);
  const sum = new Float64Array(said[0]!.length);
  for (const { coefficient, index } of active) {
    const logits = said[index]!;
    const normalizer = logNormalizer(logits);
    for (let id = 0; id < sum.length; id++) sum[id]! += coefficient * (logits[id]! - normalizer);
  }
  return sum;
}

/** Strength of controls, 1 where left out. */
export function strengthOf({ strength = 1 }: Controls): number {
  if (strength >= 0 && strength < Infinity) return strength;
  throw new PolicyError("strength", `Cannot set controls: the strength is ${strength}; give a number of at least 0`);
}

/**
 * Weights of controls on the simplex, `defaults` (scaled to sum 1) where left out.
 *
 * @throws PolicyError where their number or sum is another, or one is negative
 */
export function weightsOf({ weights }: Controls, defaults: readonly number[]): readonly number[] {
  if (weights === undefined) {
    const total = defaults.reduce((sum, weight) => sum + weight, 0);
    return defaults.map((weight) => (total === 0 ? 0 : weight / total));
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (weights.length === defaults.length && weights.every((weight) => weight >= 0) && Math.abs(total - 1) <= 1e-6) {
    return weights;
  }
  throw new PolicyError(
    "weights",
    `Cannot set controls: the weights are [${weights.join(", ")}]; give ${defaults.length}, none negative, of sum 1`,
  );
}
