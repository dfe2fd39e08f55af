// What of a model is trained on preferences, and the model it makes: all of its parameters, a score on top, or whatever a
// caller puts together. Knows no loss and no architecture.
import { affine, createRandom, type Device, mapTree, type Tensor, unpack } from "@dual-head/tensor-core";

/** A model in training: parameters of a backbone and, where texts are scored, its score head. */
export interface TunedModel<Params> {
  readonly params: Params;
  readonly score: TunedScore | null;
}

/** A score head with the token it passes over at the end of a text, as `ScoreModel` has them. */
export interface TunedScore {
  /** [1, D]. */
  readonly weight: Tensor;
  readonly padTokenId: number | null;
}

/** A tree of tensors to train. */
export interface Trainable<Params, Trained> {
  /** Where training starts; it is copied, and stays the caller's. */
  readonly initial: Trained;
  /** The model of what is trained. Runs inside a scope, and is differentiated where it computes. */
  assemble(trained: Trained): TunedModel<Params>;
}

/** Every parameter is trained; packed matrices as the numbers they stand for. */
export function wholeModel<Params>(params: Params): Trainable<Params, Params> {
  return { initial: params, assemble: (trained) => ({ params: trained, score: null }) };
}

/** No parameter is trained: what is added to it is. */
export function frozenModel<Params>(params: Params): Trainable<Params, Readonly<Record<string, never>>> {
  return { initial: {}, assemble: () => ({ params, score: null }) };
}

/** A trained model with its score head, [1, D]. */
export interface Scored<Trained> {
  readonly model: Trained;
  readonly score: Tensor;
}

/** A score head is trained beside what of the model is. */
export function withScore<Params, Trained>(
  { initial, assemble }: Trainable<Params, Trained>,
  { weight, padTokenId }: TunedScore,
): Trainable<Params, Scored<Trained>> {
  return {
    initial: { model: initial, score: weight },
    assemble: ({ model, score }) => ({ ...assemble(model), score: { weight: score, padTokenId } }),
  };
}

/** A score head [1, D] at the start of training, from 𝒩(0, .02²) as Hugging Face has it. The caller disposes it. */
export function initialScore(device: Device, hiddenSize: number, seed: number): Tensor {
  const random = createRandom(seed, "score.weight");
  const values = Float64Array.from({ length: hiddenSize }, () => 0.02 * random.normal());
  return device.keep(device.tensor(values, [1, hiddenSize]));
}

/** A copy of a tree with memory of its own, in floats. */
export function copyTree<Tree>(device: Device, tree: Tree): Tree {
  return mapTree(tree, (leaf) => {
    const floats = unpack(leaf as Tensor);
    return device.keep(floats === leaf ? affine(floats, 1, 0) : floats);
  }) as Tree;
}
