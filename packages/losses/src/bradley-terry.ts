// The loss of a reward model that scores whole texts, in pairs. Knows no model.
import { add, affine, subtract, type Tensor, unary } from "@dual-head/tensor-core";
import { checkPairs, type PairCounts, pairMean, pairSums } from "./pairs.ts";
import type { PreferenceLoss } from "./preference.ts";

/** Options of `bradleyTerryLoss`. */
export interface BradleyTerryLossOptions extends PairCounts {
  /** What scores must differ by, of all pairs or of each, [P]; default 0. */
  readonly margin?: number | ArrayLike<number>;
  /** c ≥ 0 of the term that holds scores around 0, which differences alone leave open; default 0. */
  readonly centre?: number;
}

/**
 * L = (1/P) Σ −log σ(r⁺ − r⁻ − margin) + c·(r⁺ + r⁻)²; `margins` are r⁺ − r⁻.
 *
 * @param scores r of each text, [2P]
 * @throws EmptyBatchError where there is no pair
 * @throws RangeError where margins are not one a pair
 */
export function bradleyTerryLoss(scores: Tensor, options: BradleyTerryLossOptions): PreferenceLoss {
  const { pairCount, margin = 0, centre = 0 } = options;
  checkPairs("Bradley-Terry", scores, options);
  if (typeof margin !== "number" && margin.length !== pairCount) {
    throw new RangeError(
      `Cannot compute the Bradley-Terry loss: there are ${margin.length} margins and must be ${pairCount}, one a pair`,
    );
  }
  const { device } = scores;
  return device.scope(() => {
    const margins = pairSums(scores, pairCount);
    const wanted =
      typeof margin === "number" ? null : device.tensor(Float64Array.from(margin), [pairCount], scores.dtype);
    const short = wanted === null ? affine(margins, -1, margin as number) : subtract(wanted, margins);
    const compared = pairMean(unary("softplus", short), options);
    if (centre === 0) return { loss: compared, margins };
    const sums = pairSums(scores, pairCount, [1, 1]);
    return { loss: add(compared, affine(pairMean(unary("square", sums), options), centre, 0)), margins };
  });
}
