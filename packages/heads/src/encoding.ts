// Heads with features of their own: binding a projection to them. Knows no matrix of logits and no gate.
import type { Projection, Tensor } from "@dual-head/tensor-core";

/** A head's projection of these rows' features [N, D]; unchanged where it reads hidden states, and `features` is null. */
export function ofFeatures(projection: Projection, features: Tensor | null): Projection {
  return projection.kind === "features" ? { ...projection, features } : projection;
}
