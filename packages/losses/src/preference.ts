// The autoregressive reward and its preference loss over pairs of responses; knows no head, only nats.
import { affine, reshape, scatterAddRows, type Tensor, unary } from "@dual-head/tensor-core";
import { checkPairs, type PairCounts, pairMean, pairSums } from "./pairs.ts";

/**
 * R(x, Y) = Σ_t log π_r(y_t | x, y_<t), the reward of each sequence, [sequenceCount].
 *
 * @param nats −log π_r of response tokens, [N]
 * @param sequences u32 [N], the sequence each token belongs to
 * @equation E11
 */
export function trajectoryRewards(nats: Tensor, sequences: Tensor, sequenceCount: number): Tensor {
  return nats.device.scope(() => {
    const sums = scatterAddRows(reshape(nats, [nats.shape[0]!, 1]), sequences, sequenceCount);
    return affine(reshape(sums, [sequenceCount]), -1, 0);
  });
}

/** Options of `preferenceLoss`. */
export interface PreferenceLossOptions extends PairCounts {
  /** β_r > 0, acts once, on the difference of rewards (a public version applied it twice). */
  readonly betaReward: number;
}

/** A loss over pairs with what it compares. */
export interface PreferenceLoss {
  /** A scalar. */
  readonly loss: Tensor;
  /** Chosen minus rejected, before β, [P]: positive where the chosen response is preferred; here R in nats. */
  readonly margins: Tensor;
}

/**
 * L_pref = −(1/P) Σ log σ(β_r·(R(x, Y⁺) − R(x, Y⁻))), rewards being sums over response tokens in every reduction.
 *
 * Written as softplus(−β_r·margin), which neither overflows nor loses small losses.
 *
 * @param nats −log π_r of the response tokens of both sequences of each pair, [N]
 * @param sequences u32 [N], below 2P
 * @equation E12
 * @throws EmptyBatchError where there is no token or no pair
 */
export function preferenceLoss(nats: Tensor, sequences: Tensor, options: PreferenceLossOptions): PreferenceLoss {
  const { pairCount, betaReward } = options;
  checkPairs("preference", nats, options);
  return nats.device.scope(() => {
    const margins = pairSums(trajectoryRewards(nats, sequences, 2 * pairCount), pairCount);
    return { loss: pairMean(unary("softplus", affine(margins, -betaReward, 0)), options), margins };
  });
}
