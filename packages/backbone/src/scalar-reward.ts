// Scores of whole texts by a backbone with a score head: of a batch at once, with gradients, or as texts grow. Knows no
// architecture and no use of the scores.
import {
  type Device,
  gatherRows,
  matmul,
  Recordings,
  type Segments,
  type Slot,
  type Slots,
  type Tensor,
} from "@dual-head/tensor-core";
import { type Backbone, createTokenBatch, type SlotTokens, type TokenBatch, TokenError } from "./backbone.ts";

/** A backbone whose last hidden state of a text is mapped to a score for each of L labels. */
export interface ScoreModel<Params> {
  readonly backbone: Backbone<Params>;
  readonly params: Params;
  /** [L, D]; a reward model has one label. */
  readonly score: Tensor;
  /** The last token other than this is scored, as padding on the right is in a batch; null scores the last token. */
  readonly padTokenId: number | null;
}

/** Texts in slots with one score each: what search by a reward model reads. */
export interface ScalarReward extends Slots {
  /** Whether `truncate` would do it, which a window that has let go of rows refuses. */
  canTruncate(slot: Slot, length: number): boolean;
  /**
   * Feeds tokens to slots, each named once; the score of each one's text so far, in their order.
   *
   * @throws TokenError where a token does not fit the model, SlotError where a slot has no room; nothing is then fed
   */
  advance(entries: readonly SlotTokens[]): Promise<Float32Array>;
}

/** Extents of a ScalarReward, and which of the model's labels is the reward. */
export interface ScalarRewardOptions {
  readonly slotCount: number;
  readonly capacity: number;
  /** Row of `score`; default 0. */
  readonly label?: number | undefined;
}

/** Index of the token that is scored: the last that is not padding, or the first where all are. */
export function scoredIndex(tokens: ArrayLike<number>, padTokenId: number | null): number {
  for (let index = tokens.length - 1; index > 0; index--) {
    if (tokens[index] !== padTokenId) return index;
  }
  return 0;
}

/**
 * Scores [B, L] of B texts, differentiable in parameters and score. The caller disposes the result.
 *
 * @throws TokenError where a token or a segment does not fit the model
 */
export function textScores<Params>(model: ScoreModel<Params>, tokens: Uint32Array, segments: Segments): Tensor {
  const { backbone, params, score, padTokenId } = model;
  const { device } = score;
  const { offsets } = segments;
  return device.scope(() => {
    const hidden = backbone.hidden(params, tokens, segments);
    const rows = Uint32Array.from({ length: offsets.length - 1 }, (_, text) => {
      const [first, end] = [offsets[text]!, offsets[text + 1]!];
      return first + scoredIndex(tokens.subarray(first, end), padTokenId);
    });
    return matmul(gatherRows(hidden, device.tensor(rows, [rows.length])), score, { transposeB: true });
  });
}

/** Creates the slots of a score model; the caller disposes them. */
export function createScalarReward<Params>(
  device: Device,
  model: ScoreModel<Params>,
  { slotCount, capacity, label = 0 }: ScalarRewardOptions,
): ScalarReward {
  const { backbone, params, score, padTokenId } = model;
  const labelCount = score.shape[0]!;
  const cache = backbone.createCache(device, { slotCount, capacity });
  // Every position's token and score are kept on the host, a few bytes each, so that cut and forked texts have theirs.
  const texts = new Map<Slot, { readonly tokens: number[]; readonly scores: number[] }>();
  const scoresOf = (batch: TokenBatch) => matmul(backbone.extend(params, batch, cache), score, { transposeB: true });
  // Steps of one token a text are recorded; what is recorded reads the batch of its size.
  const recordings = new Recordings(device);
  const batches = new Map<number, TokenBatch>();
  function step(batch: TokenBatch): Tensor {
    const rowCount = batch.tokens.length;
    const held = batches.get(rowCount) ?? {
      tokens: new Uint32Array(rowCount),
      slots: new Uint32Array(rowCount),
      positions: new Uint32Array(rowCount),
    };
    batches.set(rowCount, held);
    for (const part of ["tokens", "slots", "positions"] as const) held[part].set(batch[part]);
    return recordings.run(`step of ${rowCount}`, [], () => scoresOf(held));
  }
  return {
    open() {
      const slot = cache.open();
      texts.set(slot, { tokens: [], scores: [] });
      return slot;
    },
    fork(slot) {
      const copy = cache.fork(slot);
      const { tokens, scores } = texts.get(slot)!;
      texts.set(copy, { tokens: [...tokens], scores: [...scores] });
      return copy;
    },
    canTruncate: (slot, length) => cache.canTruncate(slot, length),
    truncate(slot, length) {
      cache.truncate(slot, length);
      const { tokens, scores } = texts.get(slot)!;
      tokens.length = length;
      scores.length = length;
    },
    close(slot) {
      cache.close(slot);
      texts.delete(slot);
    },
    length: (slot) => cache.length(slot),
    async advance(entries) {
      const empty = entries.find(({ slot, tokens }) => tokens.length === 0 && cache.length(slot) === 0);
      if (empty) throw new TokenError(null, `slot ${empty.slot} has no text to score; give it at least one token`);
      const batch = createTokenBatch(entries, (slot) => cache.length(slot));
      const isStep = entries.every(({ tokens }) => tokens.length === 1);
      using scores = isStep ? step(batch) : device.scope(() => scoresOf(batch));
      const values = await scores.read();
      for (const [row, token] of batch.tokens.entries()) {
        const text = texts.get(batch.slots[row]!)!;
        text.tokens.push(token);
        text.scores.push(values[row * labelCount + label]!);
      }
      return Float32Array.from(entries, ({ slot }) => {
        const text = texts.get(slot)!;
        return text.scores[scoredIndex(text.tokens, padTokenId)]!;
      });
    },
    [Symbol.dispose]() {
      recordings[Symbol.dispose]();
      cache[Symbol.dispose]();
    },
  };
}
