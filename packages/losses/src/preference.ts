// The autoregressive reward and its preference loss over pairs of responses; knows no head, only nats.
import { affine, multiply, reshape, scatterAddRows, sumTo, type Tensor, unary } from "@dual-head/tensor-core";
import { EmptyBatchError } from "./mask.ts";

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
export interface PreferenceLossOptions {
  /** Pairs P that `sequences` refers to: sequence 2p is the chosen response of pair p, 2p + 1 the rejected one. */
  readonly pairCount: number;
  /** β_r > 0, acts once, on the difference of rewards (a public version applied it twice). */
  readonly betaReward: number;
  /** Pairs of the whole batch where this is a piece of it; default `pairCount`. */
  readonly totalPairCount?: number;
}

/** The preference loss with what it compares. */
export interface PreferenceLoss {
  /** A scalar. */
  readonly loss: Tensor;
  /** R(chosen) − R(rejected) in nats, before β_r, [P]: positive where the reward prefers the chosen response. */
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
  const { pairCount, betaReward, totalPairCount = pairCount } = options;
  if (nats.shape[0] === 0 || pairCount < 1) throw new EmptyBatchError("preference", nats.shape[0]!);
  const { device } = nats;
  return device.scope(() => {
    const rewards = reshape(trajectoryRewards(nats, sequences, 2 * pairCount), [pairCount, 2]);
    const signs = device.tensor([1, -1], [1, 2], nats.dtype);
    const margins = reshape(sumTo(multiply(rewards, signs), [pairCount, 1]), [pairCount]);
    const each = unary("softplus", affine(margins, -betaReward, 0));
    return { loss: affine(sumTo(each, []), 1 / totalPairCount, 0), margins };
  });
}
