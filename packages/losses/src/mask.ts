// Masks of label rows and the error where nothing is left; knows no loss.
import { multiply, type Tensor } from "@dual-head/tensor-core";

/** A batch has nothing to learn from: all of its labels are masked, or it is empty; carries the loss and the counts. */
export class EmptyBatchError extends Error {
  readonly loss: string;
  readonly rowCount: number;
  constructor(loss: string, rowCount: number) {
    super(
      `Cannot compute the ${loss} loss: all ${rowCount} labels of the batch are masked and at least one must count; check how prompts and responses are told apart`,
    );
    this.name = "EmptyBatchError";
    this.loss = loss;
    this.rowCount = rowCount;
  }
}

/** Rows that count: values with masked rows at zero, and how many are left; throws EmptyBatchError at none. */
export function applyMask(
  loss: string,
  values: Tensor,
  mask: ArrayLike<number> | undefined,
): { readonly values: Tensor; readonly count: number } {
  const rowCount = values.shape[0]!;
  if (mask === undefined) {
    if (rowCount === 0) throw new EmptyBatchError(loss, rowCount);
    return { values, count: rowCount };
  }
  if (mask.length !== rowCount) {
    throw new RangeError(
      `Cannot compute the ${loss} loss: the mask has ${mask.length} entries and must have ${rowCount}`,
    );
  }
  const weights = Array.from(mask, (entry) => (entry === 0 ? 0 : 1));
  const count = weights.reduce<number>((sum, entry) => sum + entry, 0);
  if (count === 0) throw new EmptyBatchError(loss, rowCount);
  return { values: multiply(values, values.device.tensor(weights, [rowCount], values.dtype)), count };
}
