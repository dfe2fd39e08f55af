// The contract of reward heads and what two of them share; knows no gate, no loss and no file format.
import type { CausalReader, Device, Projection, Tensor } from "@dual-head/tensor-core";

/** Parameters of a reward head by name; null stands for a part the head was configured without. */
export type HeadParams = Readonly<Record<string, Tensor | null>>;

/** Everything that describes a head but its parameters, as plain JSON. */
export type HeadConfig =
  | { readonly kind: "linear"; readonly initialise: "base" | "zero" | "random"; readonly bias: boolean }
  | { readonly kind: "low-rank"; readonly rank: number; readonly bias: boolean }
  | { readonly kind: "residual"; readonly width: number; readonly bias: boolean }
  | {
      readonly kind: "block";
      readonly width: number;
      readonly headCount: number;
      readonly feedForwardSize: number;
      readonly bias: boolean;
    };

/**
 * A trainable map from hidden states to reward logits (E3) in two steps: from h_1..t to features [N, D], which some heads
 * leave out, and from features to logits [N, V], given as data for the engine to compute.
 */
export interface RewardHead<Params extends HeadParams = HeadParams> {
  readonly config: HeadConfig;
  readonly kind: HeadConfig["kind"];
  /**
   * Parameters at the start of training, from a seed; they share no memory with `lmHead`.
   *
   * @throws HeadError where `lmHead` is not a linear projection
   */
  init(device: Device, seed: number, lmHead: Projection): Params;
  /** Whether what it says of a row depends on former rows, through an encoding with a history. */
  readonly readsHistory: boolean;
  /** Makes features [N, D] of its own of hidden states; null where the head reads hidden states themselves. */
  encoding(params: Params): CausalReader | null;
  /** The map from features to logits; it may refer to tensors of `lmHead`, which it does not change. */
  projection(params: Params, lmHead: Projection): Projection;
  /** Shapes of the parameters by name, for hidden size D and vocabulary size V. */
  parameterShapes(hiddenSize: number, vocabSize: number): Readonly<Record<string, readonly number[]>>;
  /** Number of trainable parameters. */
  parameterCount(hiddenSize: number, vocabSize: number): number;
}

/** A head cannot be made or folded as asked; carries the head's kind. */
export class HeadError extends Error {
  readonly kind: string;
  constructor(kind: string, message: string) {
    super(message);
    this.name = "HeadError";
    this.kind = kind;
  }
}

/** The language-model head as the linear projection that heads are built from. */
export function linearBase(kind: string, lmHead: Projection): Projection & { readonly kind: "linear" } {
  if (lmHead.kind === "linear") return lmHead;
  throw new HeadError(
    kind,
    `Cannot build a ${kind} head: the language-model head is ${lmHead.kind} and must be linear; fold it into one matrix first`,
  );
}

/** A linear projection with a bias of its own, where there is one. */
export function withBias(base: ReturnType<typeof linearBase>, bias: Tensor | null): ReturnType<typeof linearBase> {
  return bias === null ? base : { ...base, bias };
}

/** Extents of a linear projection: V and D. */
export function extentsOf({ weight }: Projection & { readonly kind: "linear" }): {
  readonly vocabSize: number;
  readonly hiddenSize: number;
} {
  return { vocabSize: weight.shape[0]!, hiddenSize: weight.shape[1]! };
}

/** Number of elements of all shapes. */
export function countParameters(shapes: Readonly<Record<string, readonly number[]>>): number {
  return Object.values(shapes).reduce((sum, shape) => sum + shape.reduce((product, extent) => product * extent, 1), 0);
}
