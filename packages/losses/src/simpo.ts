// SimPO: mean log-probabilities of responses in pairs, with a target margin and no reference. Knows no model.
import { affine, divide, type Tensor, unary } from "@dual-head/tensor-core";
import { checkPairs, type PairCounts, pairMean, pairSums } from "./pairs.ts";
import { type PreferenceLoss, trajectoryRewards } from "./preference.ts";

/** Options of `simpoLoss`. */
export interface SimpoLossOptions extends PairCounts {
  /** β > 0. */
  readonly beta: number;
  /** γ/β ≥ 0, the margin aimed at, in nats a token. */
  readonly gammaRatio: number;
}

/**
 * L = (1/P) Σ −log σ(β(m⁺ − m⁻ − γ/β)), m being the mean of log π over the tokens of a response; `margins` are m⁺ − m⁻.
 *
 * @param nats −log π of the response tokens of both sequences of each pair, [N]
 * @param sequences u32 [N], below 2P, each of which has a token
 * @throws EmptyBatchError where there is no token or no pair
 */
export function simpoLoss(nats: Tensor, sequences: Tensor, options: SimpoLossOptions): PreferenceLoss {
  const { pairCount, beta, gammaRatio } = options;
  checkPairs("SimPO", nats, options);
  return nats.device.scope(() => {
    // Both sums come with a minus: their ratio has none.
    const lengths = trajectoryRewards(affine(nats, 0, 1), sequences, 2 * pairCount);
    const means = affine(divide(trajectoryRewards(nats, sequences, 2 * pairCount), lengths), -1, 0);
    const margins = pairSums(means, pairCount);
    return { loss: pairMean(unary("softplus", affine(margins, -beta, beta * gammaRatio)), options), margins };
  });
}
