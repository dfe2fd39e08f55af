// What losses over pairs share: the difference within each pair, and the mean over the pairs of a batch. Knows no loss.
import { affine, multiply, reshape, sumTo, type Tensor } from "@dual-head/tensor-core";
import { EmptyBatchError } from "./mask.ts";

/** Which pairs a loss is of. */
export interface PairCounts {
  /** Pairs P: entry 2p is of the chosen response of pair p, 2p + 1 of the rejected one. */
  readonly pairCount: number;
  /** Pairs of the whole batch where this is a piece of it; default `pairCount`. */
  readonly totalPairCount?: number;
}

/** Throws EmptyBatchError where there is no pair, or nothing in the pairs. */
export function checkPairs(loss: string, values: Tensor, { pairCount }: PairCounts): void {
  if (values.shape[0] === 0 || pairCount < 1) throw new EmptyBatchError(loss, values.shape[0]!);
}

/** Chosen minus rejected, [P], of values [2P]; with `signs` of one other weighted sums. */
export function pairSums(values: Tensor, pairCount: number, signs: readonly [number, number] = [1, -1]): Tensor {
  const weighted = multiply(reshape(values, [pairCount, 2]), values.device.tensor([...signs], [1, 2], values.dtype));
  return reshape(sumTo(weighted, [pairCount, 1]), [pairCount]);
}

/** The sum over pairs [P] divided by the pairs of the whole batch, a scalar. */
export function pairMean(values: Tensor, { pairCount, totalPairCount = pairCount }: PairCounts): Tensor {
  return affine(sumTo(values, []), 1 / totalPairCount, 0);
}
