// The sum of the losses; knows none of them.
import { add, affine, type Tensor } from "@dual-head/tensor-core";

/** The scalars that make the objective; null leaves a term out. */
export interface LossTerms {
  readonly lm: Tensor;
  readonly preference: Tensor | null;
  /** L_α, which carries λ_G already. */
  readonly gate: Tensor | null;
}

/**
 * L_total = L_LM + λ_R·L_pref + L_α.
 *
 * @equation E13
 */
export function totalLoss(
  { lm, preference, gate }: LossTerms,
  { lambdaReward }: { readonly lambdaReward: number },
): Tensor {
  return lm.device.scope(() => {
    const weighted = preference === null ? lm : add(lm, affine(preference, lambdaReward, 0));
    return gate === null ? weighted : add(weighted, gate);
  });
}
