// Heads with features of their own: binding a projection to them, and the rows they are asked for. Knows no matrix of logits
// and no gate.
import { gatherRows, type Projection, type Tensor } from "@dual-head/tensor-core";

/** A head's projection of these rows' features [N, D]; unchanged where it reads hidden states, and `features` is null. */
export function ofFeatures(projection: Projection, features: Tensor | null): Projection {
  return projection.kind === "features" ? { ...projection, features } : projection;
}

/** Some of the rows of hidden states [N, D]; every row by default. */
export function rowsAsked(hidden: Tensor, rows?: Uint32Array): Tensor {
  return rows === undefined ? hidden : gatherRows(hidden, hidden.device.tensor(rows, [rows.length]));
}
