// A policy small enough to check by hand: the next token depends on the last one only, by a table. It has a gate of its own
// kind, so that controls, α and mixing can be tested without a model.
import { candidatesOf, logProbability } from "../distribution.ts";
import {
  type Controls,
  type Cost,
  checkEntries,
  checkTruncation,
  type DecodePolicy,
  type Sequence,
} from "../policy.ts";
import { createRandom } from "../random.ts";

/** Two tables and a gate over one vocabulary. */
export interface TableModel {
  /** V rows of V: base logits of the next token by the last one. */
  readonly base: readonly (readonly number[])[];
  /** V rows of V: what the gate mixes in. */
  readonly reward: readonly (readonly number[])[];
  /** V values of α in [0, 1] by the last token, at strength 1. */
  readonly alpha: readonly number[];
}

/** A table of seeded random numbers; logits lie in [−3, 3). */
export function randomTable(vocabSize: number, seed: number): TableModel {
  const random = createRandom(seed);
  const row = (): number[] => Array.from({ length: vocabSize }, () => 6 * random.uniform() - 3);
  const table = (): number[][] => Array.from({ length: vocabSize }, row);
  return { base: table(), reward: table(), alpha: Array.from({ length: vocabSize }, () => random.uniform()) };
}

interface TableState {
  tokens: number[];
  controls: Controls;
}

/** How a table policy is made. */
export interface TableOptions {
  /** 64 by default. */
  readonly maxTokens?: number | undefined;
  /** The most sequences open at once; 16 by default, so that leaks show. */
  readonly slotCount?: number | undefined;
}

/** A table policy; it also tells how many sequences are open. */
export interface TablePolicy extends DecodePolicy {
  readonly openCount: number;
}

/** Creates a policy over a table: logits (1 − α)·base + α·reward with α = clamp(strength · α(last token)). */
export function tablePolicy(model: TableModel, options: TableOptions = {}): TablePolicy {
  const { maxTokens = 64, slotCount = 16 } = options;
  const vocabSize = model.base.length;
  const states = new Map<number, TableState>();
  const cost = { forwards: 0, tokens: 0, rewardCalls: 0 } satisfies Cost;
  let nextId = 0;
  // Marks steps of earlier calls as spent.
  let epoch = 0;

  function stateOf(sequence: Sequence): TableState {
    const state = states.get(sequence.id);
    if (state === undefined) throw new Error(`Cannot use sequence ${sequence.id}: it is closed, open another`);
    return state;
  }

  function checkControls({ strength = 1, alphaMin = 0, alphaMax = 1 }: Controls): void {
    if (!(strength >= 0) || !(alphaMin >= 0 && alphaMin <= alphaMax && alphaMax <= 1)) {
      throw new RangeError("Cannot set controls: give strength ≥ 0 and 0 ≤ alphaMin ≤ alphaMax ≤ 1");
    }
  }

  function addSequence(state: TableState): Sequence {
    if (states.size >= slotCount) throw new Error(`Cannot open a sequence: all ${slotCount} are open, close one`);
    const sequence = { id: nextId++ };
    states.set(sequence.id, state);
    return sequence;
  }

  function distribution(last: number, { strength = 1, alphaMin = 0, alphaMax = 1 }: Controls): [Float64Array, number] {
    const alpha = Math.min(alphaMax, Math.max(alphaMin, strength * model.alpha[last]!));
    const base = model.base[last]!;
    const reward = model.reward[last]!;
    return [Float64Array.from(base, (value, id) => (1 - alpha) * value + alpha * reward[id]!), alpha];
  }

  function feed(entries: readonly { readonly sequence: Sequence; readonly tokens: readonly number[] }[]): void {
    for (const { sequence } of entries) stateOf(sequence);
    checkEntries(policy, entries);
    epoch++;
    cost.forwards++;
    for (const { sequence, tokens } of entries) {
      stateOf(sequence).tokens.push(...tokens);
      cost.tokens += tokens.length;
    }
  }

  const policy: TablePolicy = {
    vocabSize,
    maxTokens,
    slotCount,
    get cost() {
      return { ...cost };
    },
    get openCount() {
      return states.size;
    },
    open(controls = {}) {
      checkControls(controls);
      return addSequence({ tokens: [], controls });
    },
    setControls(sequence, controls) {
      checkControls(controls);
      stateOf(sequence).controls = controls;
    },
    fork(sequence) {
      const { tokens, controls } = stateOf(sequence);
      return addSequence({ tokens: [...tokens], controls });
    },
    truncate(sequence, length) {
      const { tokens } = stateOf(sequence);
      checkTruncation(tokens.length, length);
      tokens.length = length;
    },
    close(sequence) {
      stateOf(sequence);
      states.delete(sequence.id);
    },
    length: (sequence) => stateOf(sequence).tokens.length,
    async advance(entries) {
      feed(entries);
      const own = epoch;
      return entries.map(({ sequence, tokens }) => {
        const [logits, alpha] = distribution(tokens.at(-1)!, stateOf(sequence).controls);
        const read = async () => {
          if (epoch !== own) throw new Error("Cannot read logits: the policy has advanced since, read them before");
          return logits;
        };
        return { alpha, logits: read, candidates: async (count) => candidatesOf(await read(), count) };
      });
    },
    async score(entries, { logits: wanted = false } = {}) {
      feed(entries);
      return entries.map(({ sequence, tokens }) => {
        const { tokens: all, controls } = stateOf(sequence);
        const before = all.at(-tokens.length - 1);
        const after = tokens.map((token) => distribution(token, controls));
        const logp = Float64Array.from(tokens, (token, t) => {
          const given = t > 0 ? after[t - 1]! : before === undefined ? null : distribution(before, controls);
          return given === null ? Number.NaN : logProbability(given[0], token);
        });
        const alpha = Float64Array.from(after, ([, value]) => value);
        return { logp, alpha, logits: wanted ? after.map(([values]) => values) : null };
      });
    },
    [Symbol.dispose]() {
      states.clear();
    },
  };
  return policy;
}
