// Direct preference optimisation: the policy's log-probabilities against those of a reference, in pairs. Knows no model.
import { add, affine, subtract, type Tensor, unary } from "@dual-head/tensor-core";
import { checkPairs, type PairCounts, pairMean, pairSums } from "./pairs.ts";
import { type PreferenceLoss, trajectoryRewards } from "./preference.ts";

/** Options of `dpoLoss`. */
export interface DpoLossOptions extends PairCounts {
  /** β > 0: the smaller, the further the policy may go from the reference. */
  readonly beta: number;
  /** ε in [0, ½): the share of labels taken to be wrong; default 0. */
  readonly labelSmoothing?: number;
  /** Σ_t log π_ref of each sequence in nats, [2P]. */
  readonly reference: ArrayLike<number>;
}

/**
 * L = (1/P) Σ −(1−ε) log σ(βΔ) − ε log σ(−βΔ), with Δ = [log π − log π_ref](y⁺) − [log π − log π_ref](y⁻), in sums over
 * response tokens; `margins` are Δ.
 *
 * Computed as softplus(−βΔ) + εβΔ, which is the same and stays finite.
 *
 * @param nats −log π of the response tokens of both sequences of each pair, [N]
 * @param sequences u32 [N], below 2P
 * @throws EmptyBatchError where there is no token or no pair
 * @throws RangeError where `reference` does not have 2P entries, or ε is not in [0, ½)
 */
export function dpoLoss(nats: Tensor, sequences: Tensor, options: DpoLossOptions): PreferenceLoss {
  const { pairCount, beta, labelSmoothing = 0, reference } = options;
  checkPairs("DPO", nats, options);
  if (reference.length !== 2 * pairCount) {
    throw new RangeError(
      `Cannot compute the DPO loss: the reference has ${reference.length} log-probabilities and must have ${2 * pairCount}, two a pair`,
    );
  }
  if (!(labelSmoothing >= 0 && labelSmoothing < 0.5)) {
    throw new RangeError(
      `Cannot compute the DPO loss: labelSmoothing is ${labelSmoothing} and must be at least 0 and below .5`,
    );
  }
  return nats.device.scope(() => {
    const held = nats.device.tensor(Float64Array.from(reference), [2 * pairCount], nats.dtype);
    const margins = pairSums(subtract(trajectoryRewards(nats, sequences, 2 * pairCount), held), pairCount);
    const each = unary("softplus", affine(margins, -beta, 0));
    const smoothed = labelSmoothing === 0 ? each : add(each, affine(margins, labelSmoothing * beta, 0));
    return { loss: pairMean(smoothed, options), margins };
  });
}
