// Which pieces of which documents make up each step of pretraining: a pure function of their lengths and the seed, so
// that a resumed run reads on where it stopped. Knows no tokens.
import { epochOrder } from "../schedule.ts";

/** Tokens `from` to `to` (exclusive) of a document: as many inputs as targets, one fewer than tokens. */
export interface Piece {
  readonly document: number;
  readonly from: number;
  readonly to: number;
}

/** How documents are cut and gathered. */
export interface BatchPlanOptions {
  /** Longest piece, in inputs. */
  readonly maxTokens: number;
  /** Inputs a step has at most; at least `maxTokens`. */
  readonly batchTokens: number;
  /** Inputs of the whole run, at least; the last batch is whole. */
  readonly tokenBudget: number;
  readonly seed: number;
}

/** The pieces of each step. Every document is read once before any is read again, in a new order each time. */
export function planBatches(lengths: readonly number[], options: BatchPlanOptions): readonly (readonly Piece[])[] {
  const { maxTokens, batchTokens, tokenBudget, seed } = options;
  const batches: Piece[][] = [];
  let batch: Piece[] = [];
  let size = 0;
  let total = 0;
  for (let epoch = 0; total < tokenBudget; epoch++) {
    for (const document of epochOrder(lengths.length, seed, epoch, "documents")) {
      for (const piece of piecesOf(document, lengths[document]!, maxTokens)) {
        const count = piece.to - piece.from - 1;
        if (size + count > batchTokens) {
          batches.push(batch);
          total += size;
          [batch, size] = [[], 0];
          if (total >= tokenBudget) return batches;
        }
        batch.push(piece);
        size += count;
      }
    }
    // A corpus smaller than a batch: what one pass gives is a batch.
    if (batches.length === 0 || total + size >= tokenBudget) {
      if (batch.length > 0) batches.push(batch);
      total += size;
      [batch, size] = [[], 0];
    }
  }
  return batches;
}

/** Every token but the first is a target once; a piece begins with the last token of the piece before. */
export function piecesOf(document: number, length: number, maxTokens: number): Piece[] {
  const pieces: Piece[] = [];
  for (let from = 0; from < length - 1; from += maxTokens) {
    pieces.push({ document, from, to: Math.min(length, from + maxTokens + 1) });
  }
  return pieces;
}
