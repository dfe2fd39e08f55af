// One optimiser step over the pieces of a batch: gradients added up, their norm clipped, AdamW. Knows no schedule, no
// files, and nothing of what a piece is.
import { type Device, leavesOf, type Tensor } from "@dual-head/tensor-core";
import { TrainingError } from "../errors.ts";
import { addGradients, freeTree, type Optimiser, squaredNorm } from "../optimiser.ts";

/** A step to take. */
export interface GradientStep<Params, Piece> {
  readonly device: Device;
  readonly optimiser: Optimiser<Params>;
  readonly learningRate: number;
  /** Largest global norm of the gradient. */
  readonly clipNorm: number;
  /** For messages: "training", "pretraining", "tuning". */
  readonly activity: string;
  readonly pieces: readonly Piece[];
  /** A piece's share of the loss of the whole batch, and its gradient, which is taken over. */
  differentiate(params: Params, piece: Piece): Promise<{ readonly loss: number; readonly grad: Params }>;
}

/**
 * Takes one step. However the batch is cut, the gradient is that of the whole up to the order of sums.
 *
 * @throws TrainingError before the update where loss or gradient is not finite
 */
export async function takeGradientStep<Params, Piece>(
  step: GradientStep<Params, Piece>,
): Promise<{ readonly loss: number; readonly gradNorm: number }> {
  const { device, optimiser, learningRate, clipNorm, activity, pieces } = step;
  const checkFinite = (what: string, value: number): void => {
    if (Number.isFinite(value)) return;
    const at = optimiser.stepCount + 1;
    throw new TrainingError(
      "not-finite",
      `Cannot go on ${activity}: the ${what} of step ${at} is ${value}; the last checkpoint is kept, lower the learning rate or check the data`,
      { step: at },
    );
  };
  let loss = 0;
  let gradients: Params | null = null;
  try {
    for (const piece of pieces) {
      const { loss: share, grad } = await step.differentiate(optimiser.params, piece);
      gradients = gradients === null ? grad : addGradients(device, gradients, grad);
      loss += share;
    }
    const gradNorm = await normOf(device, gradients);
    checkFinite("loss", loss);
    checkFinite("norm of the gradient", gradNorm);
    optimiser.step(gradients!, Math.min(1, clipNorm / Math.max(gradNorm, 1e-30)), learningRate);
    return { loss, gradNorm };
  } finally {
    freeTree(gradients);
  }
}

/** The global norm; 0 where nothing is trained. */
async function normOf(device: Device, gradients: unknown): Promise<number> {
  if (leavesOf<Tensor>(gradients).length === 0) return 0;
  using squared = squaredNorm(device, gradients);
  return Math.sqrt((await squared.read())[0]!);
}
