// The contract of a frozen backbone: hidden states two ways, which must agree. Knows no architecture, no head beyond
// the model's own, and nothing of sampling.
import type { Device, Projection, RowBatch, Segments, Tensor } from "@dual-head/tensor-core";
import type { KvCache, KvCacheExtent } from "./kv-cache.ts";

/** What every user of a backbone needs to know of it. */
export interface BackboneConfig {
  /** D, the width of a hidden state. */
  readonly hiddenSize: number;
  /** V: token ids are below it. */
  readonly vocabSize: number;
  /** The most positions a sequence can have. */
  readonly maxTokens: number;
  readonly layerCount: number;
}

/** N tokens for slots of a cache: entry n is token tokens[n] at position positions[n] of slot slots[n]. */
export interface TokenBatch extends RowBatch {
  readonly tokens: Uint32Array;
}

/**
 * A model without its heads: token ids to final-normed hidden states. `hidden` and `extend` are two views of one
 * function and agree to rounding; the laws are `backboneLaws` in `@dual-head/backbone/testing`.
 */
export interface Backbone<Params> {
  readonly config: BackboneConfig;
  /** The model's own head, tied or not: logits are hidden·weightᵀ + bias (E2). It shares memory with `params`. */
  lmHead(params: Params): Projection;
  /**
   * Hidden states [N, D] of flattened segments, each from position 0 and causal within itself; differentiable with
   * respect to `params`. The caller disposes the result.
   *
   * @throws TokenError where a token or a segment does not fit the config
   */
  hidden(params: Params, tokens: Uint32Array, segments: Segments): Tensor;
  /** Creates the cache that `extend` writes; the caller disposes it. */
  createCache(device: Device, extent: KvCacheExtent): KvCache;
  /**
   * Hidden states [N, D] of new tokens after those already in their slots; lengthens the slots. Not differentiable.
   * The caller disposes the result. Steps are recorded: what depends on the batch, whose arrays are filled anew for each,
   * reaches the device by functions (`Recordings`), as the cache does it.
   *
   * @throws TokenError where a token or position does not fit the config, SlotError where it does not continue its
   * slot; the cache is then unchanged
   */
  extend(params: Params, batch: TokenBatch, cache: KvCache): Tensor;
}

/** Tokens that a backbone cannot read: none, an id out of range, too many for one sequence. */
export class TokenError extends Error {
  override readonly name: string = "TokenError";
  /** Row in the flattened batch, or null where no single row is to blame. */
  readonly row: number | null;

  constructor(row: number | null, reason: string) {
    super(`Cannot run the backbone${row === null ? "" : ` on row ${row}`}: ${reason}`);
    this.row = row;
  }
}

/**
 * Checks flattened tokens [N] and their positions [N] against a config. For implementations of `hidden` and `extend`:
 * a kernel that reads a row of the embedding which does not exist would not notice.
 *
 * @throws TokenError that names the row
 */
export function checkTokens(config: BackboneConfig, tokens: Uint32Array, positions: Uint32Array): void {
  if (tokens.length === 0) throw new TokenError(null, "there are no tokens; give it at least one");
  if (tokens.length !== positions.length) {
    throw new TokenError(null, `${tokens.length} tokens come with ${positions.length} positions; give one for each`);
  }
  for (const [row, token] of tokens.entries()) {
    if (token >= config.vocabSize) {
      throw new TokenError(
        row,
        `token ${token} is not below the vocabulary size ${config.vocabSize}; use this model's tokenizer`,
      );
    }
    if (positions[row]! >= config.maxTokens) {
      throw new TokenError(
        row,
        `position ${positions[row]} is not below the ${config.maxTokens} positions of this model; shorten the sequence`,
      );
    }
  }
}

/** The tokens of one slot in a batch to be made. */
export interface SlotTokens {
  readonly slot: number;
  readonly tokens: readonly number[];
}

/**
 * The batch that continues each slot with its tokens, in the order of the entries.
 *
 * @param lengthOf rows a slot holds so far
 */
export function createTokenBatch(entries: readonly SlotTokens[], lengthOf: (slot: number) => number): TokenBatch {
  const rowCount = entries.reduce((sum, { tokens }) => sum + tokens.length, 0);
  const batch = {
    tokens: new Uint32Array(rowCount),
    slots: new Uint32Array(rowCount),
    positions: new Uint32Array(rowCount),
  };
  let row = 0;
  for (const { slot, tokens } of entries) {
    const length = lengthOf(slot);
    for (const [index, token] of tokens.entries()) {
      batch.tokens[row] = token;
      batch.slots[row] = slot;
      batch.positions[row] = length + index;
      row++;
    }
  }
  return batch;
}
