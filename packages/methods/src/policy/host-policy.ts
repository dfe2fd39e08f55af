// A policy whose distributions are put together on the host from what other models say of a sequence: it keeps what was
// said of each sequence's last token and turns it into logits under the controls of that sequence. Knows no model.
import {
  type Controls,
  type Cost,
  candidatesOf,
  checkEntries,
  checkTruncation,
  type DecodePolicy,
  logProbability,
  type ScoreOptions,
  type Sequence,
  type SequenceEntry,
  type Step,
  type TokenScores,
} from "@dual-head/sampler";
import { OpenSequences } from "./open-sequences.ts";

/** Tokens for one sequence of the models. */
export interface StateEntry<State> {
  readonly state: State;
  readonly tokens: readonly number[];
}

/** The models behind a host policy: sequences as states, and what is said after a token as a `Said`. */
export interface HostModels<State, Said, Resolved> extends Disposable {
  readonly vocabSize: number;
  readonly maxTokens: number;
  readonly slotCount?: number | undefined;
  /** Throws where controls cannot be. */
  resolve(controls: Controls): Resolved;
  open(): State;
  fork(state: State): State;
  /** Forgets what was fed from `length` tokens on; where one of the models refuses, none has forgotten anything. */
  truncate(state: State, length: number): void;
  /** Whether no model would refuse. */
  canTruncate(state: State, length: number): boolean;
  close(state: State): void;
  /** Feeds tokens; what is said after the last token of each entry, or after each of its tokens. */
  feed(entries: readonly StateEntry<State>[], rows: "last" | "all"): Promise<readonly (readonly Said[])[]>;
  /** Unnormalised log-probabilities [V] of the next token. */
  logits(said: Said, controls: Resolved): Float64Array;
  readonly cost: Cost;
}

interface HostSequence<State, Said, Resolved> {
  readonly state: State;
  controls: Resolved;
  readonly tokens: number[];
  /** Whether the models have yet to be fed the last token again: what they said after it went with a cut. */
  isCut: boolean;
  last: Said | null;
}

/** What models keep of a sequence that is cut: its last token is fed again for what they say after it. */
function fedLength(length: number): number {
  return Math.max(0, length - 1);
}

/** Creates a policy over models, which it disposes. */
export function createHostPolicy<State, Said, Resolved>(models: HostModels<State, Said, Resolved>): DecodePolicy {
  const sequences = new OpenSequences<HostSequence<State, Said, Resolved>>();
  // Marks steps of earlier calls as spent.
  let epoch = 0;

  async function feed(entries: readonly SequenceEntry[], rows: "last" | "all") {
    checkEntries(policy, entries);
    epoch++;
    const own = entries.map(({ sequence }) => sequences.get(sequence));
    const cut = own.map(({ isCut, tokens }) => (isCut ? tokens.slice(-1) : []));
    const formerly = own.map(({ last }) => last);
    const said =
      entries.length === 0
        ? []
        : await models.feed(
            own.map(({ state }, index) => ({ state, tokens: [...cut[index]!, ...entries[index]!.tokens] })),
            rows,
          );
    return own.map((sequence, index) => {
      sequence.tokens.push(...entries[index]!.tokens);
      sequence.last = said[index]!.at(-1)!;
      const again = rows === "all" ? cut[index]!.length : 0;
      sequence.isCut = false;
      return { sequence, said: said[index]!.slice(again), former: again > 0 ? said[index]![0]! : formerly[index]! };
    });
  }

  function stepOf(said: Said, controls: Resolved): Step {
    const own = epoch;
    let known: Float64Array | null = null;
    const read = (): Float64Array => {
      if (epoch !== own) {
        throw new Error(
          "Cannot read logits: the policy has advanced since; read them before the next advance or score",
        );
      }
      known ??= models.logits(said, controls);
      return known;
    };
    return {
      alpha: null,
      logits: async () => read(),
      candidates: async (count) => candidatesOf(read(), count),
    };
  }

  const policy: DecodePolicy = {
    vocabSize: models.vocabSize,
    maxTokens: models.maxTokens,
    slotCount: models.slotCount,
    open(controls: Controls = {}): Sequence {
      const resolved = models.resolve(controls);
      return sequences.add({ state: models.open(), controls: resolved, tokens: [], isCut: false, last: null });
    },
    setControls(sequence, controls) {
      sequences.get(sequence).controls = models.resolve(controls);
    },
    fork(sequence) {
      const own = sequences.get(sequence);
      return sequences.add({ ...own, state: models.fork(own.state), tokens: [...own.tokens] });
    },
    truncate(sequence, length) {
      const own = sequences.get(sequence);
      checkTruncation(own.tokens.length, length);
      if (length === own.tokens.length) return;
      models.truncate(own.state, fedLength(length));
      own.tokens.length = length;
      own.isCut = length > 0;
      own.last = null;
    },
    canTruncate(sequence, length) {
      const { state, tokens } = sequences.get(sequence);
      return length === tokens.length || models.canTruncate(state, fedLength(length));
    },
    close(sequence) {
      models.close(sequences.take(sequence).state);
    },
    length: (sequence) => sequences.get(sequence).tokens.length,
    async advance(entries) {
      const fed = await feed(entries, "last");
      return fed.map(({ sequence, said }) => stepOf(said[0]!, sequence.controls));
    },
    async score(entries, options: ScoreOptions = {}): Promise<readonly TokenScores[]> {
      const fed = await feed(entries, "all");
      return fed.map(({ sequence: { controls }, said, former }, index) => {
        const { tokens } = entries[index]!;
        const logp = new Float64Array(tokens.length);
        const logits: Float64Array[] = [];
        let before = former === null ? null : models.logits(former, controls);
        for (const [at, token] of tokens.entries()) {
          logp[at] = before === null ? Number.NaN : logProbability(before, token);
          const isLast = at === tokens.length - 1;
          if (isLast && options.logits !== true) break;
          before = models.logits(said[at]!, controls);
          if (options.logits === true) logits.push(before);
        }
        return { logp, alpha: null, logits: options.logits === true ? logits : null };
      });
    },
    get cost() {
      return models.cost;
    },
    [Symbol.dispose]() {
      for (const { state } of sequences.takeAll()) models.close(state);
      models[Symbol.dispose]();
    },
  };
  return policy;
}
