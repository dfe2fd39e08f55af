// ARGS: the likeliest next tokens of a base model, each scored by a reward model that reads the text with it.
// Knows neither model.
import type { ScalarReward } from "@dual-head/backbone";
import type { DecodePolicy, Sequence } from "@dual-head/sampler";
import { PolicyError } from "../policy/errors.ts";
import { createHostPolicy } from "../policy/host-policy.ts";
import { strengthOf } from "../policy/sum-policy.ts";

/** What ARGS is made of, and its two numbers. */
export interface ArgsPolicyOptions {
  /** Taken over. */
  readonly base: DecodePolicy;
  /**
   * A trajectory-level reward; taken over. It needs a slot for each sequence of the base and `candidateSlots` more, and
   * room for one token more than the longest sequence.
   */
  readonly reward: ScalarReward;
  /** Positions a slot of the reward holds. */
  readonly rewardCapacity: number;
  /** How many candidates are scored in one call of the reward model; at least 1. */
  readonly candidateSlots: number;
  /** k: candidates a step; 10 by default. */
  readonly topK?: number | undefined;
  /** w: what the reward counts beside the logit at strength 1; 1.5 by default. */
  readonly weight?: number | undefined;
}

interface ArgsState {
  readonly sequence: Sequence;
  readonly slot: number;
}

/** What is known after a token: the candidates of the base, with the reward of the text that each would make. */
interface ArgsSaid {
  readonly ids: readonly number[];
  readonly logits: readonly number[];
  readonly rewards: readonly number[];
}

/**
 * Creates the policy whose logits are z_LM(v) + s·w·r(text + v) for the k likeliest tokens v of the base and −∞ for all others
 * (Khanov et al. 2024, arXiv 2402.01694). Temperature 0 is the greedy variant, above 0 the sampled one; at strength 0 it
 * is the base's own top-k sampling.
 *
 * @throws PolicyError where k or the slots are not positive integers, or the weight is negative
 */
export function createArgsPolicy(options: ArgsPolicyOptions): DecodePolicy {
  const { base, reward, rewardCapacity, candidateSlots, topK = 10, weight = 1.5 } = options;
  for (const [fact, value] of Object.entries({ topK, candidateSlots })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new PolicyError(fact, `Cannot create an ARGS policy: ${fact} is ${value}; it must be a positive integer`);
  }
  if (!(weight >= 0 && weight < Infinity)) {
    throw new PolicyError("weight", `Cannot create an ARGS policy: the weight is ${weight}; it must be at least 0`);
  }
  let rewardCalls = 0;

  /** Rewards of each state's text with each of its candidates. */
  async function rewardsOf(wanted: readonly { readonly slot: number; readonly ids: readonly number[] }[]) {
    const rewards: number[][] = wanted.map(() => []);
    const all = wanted.flatMap(({ slot, ids }, entry) => ids.map((id) => ({ slot, id, entry })));
    for (let start = 0; start < all.length; start += candidateSlots) {
      const group = all.slice(start, start + candidateSlots);
      const forks: number[] = [];
      try {
        for (const { slot } of group) forks.push(reward.fork(slot));
        const scores = await reward.advance(group.map(({ id }, at) => ({ slot: forks[at]!, tokens: [id] })));
        for (const [at, { entry }] of group.entries()) rewards[entry]!.push(scores[at]!);
      } finally {
        for (const fork of forks) reward.close(fork);
      }
    }
    rewardCalls += all.length;
    return rewards;
  }

  async function feedOnce(
    entries: readonly { readonly state: ArgsState; readonly tokens: readonly number[] }[],
  ): Promise<readonly ArgsSaid[]> {
    const steps = await base.advance(entries.map(({ state, tokens }) => ({ sequence: state.sequence, tokens })));
    const candidates = await Promise.all(steps.map((step) => step.candidates(topK)));
    await reward.advance(entries.map(({ state, tokens }) => ({ slot: state.slot, tokens })));
    const rewards = await rewardsOf(
      entries.map(({ state }, entry) => ({ slot: state.slot, ids: candidates[entry]!.ids })),
    );
    return candidates.map(({ ids, logits }, entry) => ({ ids, logits, rewards: rewards[entry]! }));
  }

  return createHostPolicy<ArgsState, ArgsSaid, number>({
    vocabSize: base.vocabSize,
    maxTokens: Math.min(base.maxTokens, rewardCapacity - 1),
    slotCount: base.slotCount,
    resolve: strengthOf,
    open() {
      const sequence = base.open();
      try {
        return { sequence, slot: reward.open() };
      } catch (error) {
        base.close(sequence);
        throw error;
      }
    },
    fork(state) {
      const sequence = base.fork(state.sequence);
      try {
        return { sequence, slot: reward.fork(state.slot) };
      } catch (error) {
        base.close(sequence);
        throw error;
      }
    },
    truncate({ sequence, slot }, length) {
      // Where the base will do it the reward model may still refuse, before either is cut.
      if (base.canTruncate?.(sequence, length) ?? true) reward.truncate(slot, length);
      base.truncate(sequence, length);
    },
    canTruncate: ({ sequence, slot }, length) =>
      (base.canTruncate?.(sequence, length) ?? true) && reward.canTruncate(slot, length),
    close({ sequence, slot }) {
      base.close(sequence);
      reward.close(slot);
    },
    async feed(entries, rows) {
      if (rows === "last") return (await feedOnce(entries)).map((said) => [said]);
      const said: ArgsSaid[][] = entries.map(() => []);
      const longest = Math.max(...entries.map(({ tokens }) => tokens.length));
      for (let at = 0; at < longest; at++) {
        const running = entries.flatMap(({ state, tokens }, entry) =>
          at < tokens.length ? [{ entry, state, tokens: [tokens[at]!] }] : [],
        );
        for (const [place, each] of (await feedOnce(running)).entries()) said[running[place]!.entry]!.push(each);
      }
      return said;
    },
    logits({ ids, logits, rewards }, strength) {
      const all = new Float64Array(base.vocabSize).fill(-Infinity);
      for (const [at, id] of ids.entries()) all[id] = logits[at]! + strength * weight * rewards[at]!;
      return all;
    },
    get cost() {
      return { ...base.cost, rewardCalls };
    },
    [Symbol.dispose]() {
      base[Symbol.dispose]();
      reward[Symbol.dispose]();
    },
  });
}
