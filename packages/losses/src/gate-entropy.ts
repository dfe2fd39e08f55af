// The entropy of the gate as a loss, from logits; knows no gate.
import { affine, sumTo, type Tensor, unary } from "@dual-head/tensor-core";
import { applyMask } from "./mask.ts";

/** "corrected" rewards entropy (α towards ½), "printed" has the paper's sign, which punishes it. */
export type EntropySign = "corrected" | "printed";

/** Options of `gateEntropyLoss`. */
export interface GateEntropyLossOptions {
  /** λ_G ≥ 0. */
  readonly lambdaGate: number;
  /** Default "corrected". */
  readonly entropySign?: EntropySign;
  /** Tokens of the whole batch where this is a piece of it; default: the rows that count here. */
  readonly tokenCount?: number;
  /** Rows that count (anything but 0), [N]; default all. */
  readonly mask?: ArrayLike<number>;
}

/** The entropy loss with the entropy itself. */
export interface GateEntropyLoss {
  /** A scalar: −λ_G·entropy, or +λ_G·entropy as printed. */
  readonly loss: Tensor;
  /** (1/N) Σ H(α_t) in nats, a scalar. */
  readonly entropy: Tensor;
}

/**
 * L_α = −λ_G·(1/N) Σ_t H(α_t), with H(α) = −α ln α − (1−α) ln(1−α), the sign that balances both heads.
 *
 * As printed, −λ_G·E[α ln α + (1−α) ln(1−α)] is +λ_G·H and minimising it drives α to 0 or 1: `entropySign: "printed"`.
 * Computed from u = logit α, where it stays finite although σ(u) reaches exactly 0 or 1; dH/du = −u·α(1−α) is bounded.
 *
 * @param gateLogits u, [N]
 * @equation E9
 * @throws EmptyBatchError where no row counts
 */
export function gateEntropyLoss(gateLogits: Tensor, options: GateEntropyLossOptions): GateEntropyLoss {
  const { lambdaGate, entropySign = "corrected", tokenCount, mask } = options;
  return gateLogits.device.scope(() => {
    const { values, count } = applyMask("gate-entropy", unary("sigmoidEntropy", gateLogits), mask);
    const entropy = affine(sumTo(values, []), 1 / (tokenCount ?? count), 0);
    return { loss: affine(entropy, entropySign === "corrected" ? -lambdaGate : lambdaGate, 0), entropy };
  });
}
