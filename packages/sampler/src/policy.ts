// The contract between decoding and whatever gives next-token distributions: a decoding method is a DecodePolicy.
// Token ids in, logits and α out. Knows no tensors, no tokenizer and no model.
import { InvalidEntryError } from "./errors.ts";

/** The knobs of one sequence; what is left out keeps the policy's own default. A policy without a knob ignores it. */
export interface Controls {
  /** s ≥ 0: 0 is exactly the base model, 1 the gate as trained. */
  readonly strength?: number | undefined;
  /** Lower clamp of every α, in [0, 1]. */
  readonly alphaMin?: number | undefined;
  /** Upper clamp of every α, in [0, 1], not below `alphaMin`. */
  readonly alphaMax?: number | undefined;
  /** One weight per head, none negative, summing to 1. */
  readonly weights?: readonly number[] | undefined;
}

/** What a policy has spent since it was created; counts only grow. */
export interface Cost {
  /** Passes through a backbone; a batch in one pass counts once. */
  readonly forwards: number;
  /** Tokens fed through a backbone, summed over sequences. */
  readonly tokens: number;
  /** Evaluations of separate reward models: a text of a scalar model, a step of one sequence of an autoregressive one. */
  readonly rewardCalls: number;
}

/** An opaque handle on one sequence of one policy. */
export interface Sequence {
  readonly id: number;
}

/** Tokens for one sequence. A sequence occurs at most once in a call, with at least one token. */
export interface SequenceEntry {
  readonly sequence: Sequence;
  readonly tokens: readonly number[];
}

/** The most likely tokens of a distribution, and what turns any of its logits into a log-probability. */
export interface Candidates {
  /** Token ids, most likely first; the lower id first among equals. */
  readonly ids: readonly number[];
  /** Their logits. */
  readonly logits: readonly number[];
  /** log Σ exp(logits) over the whole vocabulary, in nats. */
  readonly logNormalizer: number;
}

/** The distribution of the token that follows the last one fed; valid until the policy's next `advance` or `score`. */
export interface Step {
  /**
   * The `count` most likely tokens, fewer where the others are excluded: all that many samplers need, without moving or
   * walking V logits.
   */
  candidates(count: number): Promise<Candidates>;
  /** Unnormalised log-probabilities, [V]; the caller must not write to them. */
  logits(): Promise<Float32Array | Float64Array>;
  /** α of this distribution (weighted over heads), or null for a policy without a gate. */
  readonly alpha: number | null;
}

/** What `score` returns for one entry of T tokens. */
export interface TokenScores {
  /**
   * [T], nats: log p(tokens[t] | everything before it). The first token of a freshly opened sequence has nothing before
   * it and no distribution: NaN there.
   */
  readonly logp: Float64Array;
  /** [T]: α after reading tokens[t], that is of the distribution that follows it; null for a policy without a gate. */
  readonly alpha: Float64Array | null;
  /** T arrays of [V]: logits after reading tokens[t]; null unless asked for. */
  readonly logits: readonly (Float32Array | Float64Array)[] | null;
}

/** Asks `score` for more than log-probabilities. */
export interface ScoreOptions {
  /** Whether to return the full logits of every position; off by default. */
  readonly logits?: boolean | undefined;
}

/**
 * A source of next-token distributions for many sequences at once. Knobs belong to a sequence, so sequences with
 * different controls share a batch. Laws: `decodePolicyLaws` in `@dual-head/sampler/testing`.
 *
 * Every method throws on a sequence that was closed or belongs to another policy; `advance` and `score` refuse bad
 * entries (`checkEntries`) before any sequence has changed.
 */
export interface DecodePolicy extends Disposable {
  /** V: logits have this length and token ids are below it. */
  readonly vocabSize: number;
  /** The most tokens one sequence can hold. */
  readonly maxTokens: number;
  /** The most sequences open at once, where the policy knows a limit. */
  readonly slotCount?: number | undefined;
  /** Opens an empty sequence; the caller closes it. Throws on invalid controls or when no room is left. */
  open(controls?: Controls): Sequence;
  /** Replaces the controls; they hold for every distribution computed from now on. */
  setControls(sequence: Sequence, controls: Controls): void;
  /** Opens a copy with the same tokens and controls that goes its own way; the caller closes it too. */
  fork(sequence: Sequence): Sequence;
  /**
   * Forgets the tokens from `length` on, as if they had never been fed; forks keep theirs.
   *
   * @throws RangeError where `length` is no integer in [0, length so far], and an error of the policy where a model with a
   * window has let go of what comes before; the sequence is then as before
   */
  truncate(sequence: Sequence, length: number): void;
  /** Whether `truncate` to a length in [0, length so far] would do it; always where left out. */
  canTruncate?(sequence: Sequence, length: number): boolean;
  /** Frees a sequence. */
  close(sequence: Sequence): void;
  /** The number of tokens fed so far. */
  length(sequence: Sequence): number;
  /** How many of the first of these tokens cost next to nothing to feed, since they are cached; 0 where left out. */
  heldLength?(sequence: Sequence, tokens: readonly number[]): number;
  /** Feeds unseen tokens of many sequences and returns one step for each, in order. */
  advance(entries: readonly SequenceEntry[]): Promise<readonly Step[]>;
  /** Scores given tokens in one pass and leaves the sequences advanced by them; equals `advance` token by token. */
  score(entries: readonly SequenceEntry[], options?: ScoreOptions): Promise<readonly TokenScores[]>;
  /** Spent so far. */
  readonly cost: Cost;
}

/**
 * Throws where a sequence of `current` tokens cannot be cut to `length`. For implementations of `truncate`.
 *
 * @throws RangeError
 */
export function checkTruncation(current: number, length: number): void {
  if (Number.isInteger(length) && length >= 0 && length <= current) return;
  throw new RangeError(
    `Cannot truncate to ${length} tokens: the sequence has ${current}; give an integer from 0 to ${current}`,
  );
}

/**
 * Throws where `entries` may not be given to `policy`: a sequence twice, no tokens, an id that is not an integer in
 * [0, V), or more tokens than the sequence can still hold. For implementations of `advance` and `score`.
 *
 * @throws InvalidEntryError naming the entry
 */
export function checkEntries(
  policy: Pick<DecodePolicy, "vocabSize" | "maxTokens" | "length">,
  entries: readonly SequenceEntry[],
): void {
  const seen = new Set<number>();
  entries.forEach(({ sequence, tokens }, index) => {
    if (seen.has(sequence.id)) {
      throw new InvalidEntryError(
        index,
        `sequence ${sequence.id} occurs twice in one call, feed its tokens in one entry`,
      );
    }
    seen.add(sequence.id);
    if (tokens.length === 0) throw new InvalidEntryError(index, "it has no tokens, leave it out");
    for (const token of tokens) {
      if (!Number.isInteger(token) || token < 0 || token >= policy.vocabSize) {
        throw new InvalidEntryError(index, `token ${token} is not an integer in [0, ${policy.vocabSize})`);
      }
    }
    const length = policy.length(sequence) + tokens.length;
    if (length > policy.maxTokens) {
      throw new InvalidEntryError(
        index,
        `the sequence would have ${length} tokens and holds ${policy.maxTokens}, cut the prompt`,
      );
    }
  });
}
