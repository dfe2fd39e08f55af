// The gradient of the entropy loss in plain numbers, for the sign of the paper and the corrected one. Knows no tensor.

/** Slopes of L_α for one token. */
export interface EntropySlope {
  /** ∂L_α/∂u for the logit u = ln(α/(1−α)). */
  readonly logit: number;
  /** ∂L_α/∂α; infinite at the ends, where ∂L_α/∂u is 0. */
  readonly alpha: number;
}

/**
 * Slopes of L_α = ±λ_G·H(α), plus as printed: ∂L_α/∂α = −λ·u and ∂L_α/∂u = −λ·u·α(1−α), mirrored where corrected.
 *
 * The paper's proof prints −λ[−ln α − ln(1−α)], which is the derivative of something else.
 *
 * @equation E16
 */
export function gateEntropySlope(u: number, lambdaGate: number, sign: "corrected" | "printed"): EntropySlope {
  const direction = sign === "printed" ? -lambdaGate : lambdaGate;
  const small = Math.exp(-Math.abs(u));
  return { logit: (direction * u * small) / (1 + small) ** 2, alpha: direction * u };
}
