// A head as data, and logits of weighted heads as terms of one projection; knows no gate and no training.
import { ShapeError } from "../errors.ts";
import { add, multiply } from "../ops/binary/op.ts";
import { matmul } from "../ops/matmul/op.ts";
import type { Term } from "../ops/project/op.ts";
import { reshape } from "../ops/reshape/op.ts";
import type { Tensor } from "../tensor.ts";

/** A map from hidden states [N, D] to logits [N, V], as data, so that several can be computed together. */
export type Projection =
  | { readonly kind: "linear"; readonly weight: Tensor /* [V, D] */; readonly bias: Tensor | null /* [V, 1] */ }
  | {
      readonly kind: "low-rank-delta";
      readonly base: Projection & { readonly kind: "linear" };
      readonly a: Tensor /* [k, D] */;
      readonly b: Tensor /* [V, k] */;
    }
  | {
      /** The base's map of features of the head's own, [N, D], in place of the hidden states; null until they are known. */
      readonly kind: "features";
      readonly base: Projection & { readonly kind: "linear" };
      readonly features: Tensor | null;
    };

/** A projection with its coefficient of each row, [N]; `null` stands for 1. */
export interface WeightedProjection {
  readonly projection: Projection;
  readonly coefficient: Tensor | null;
}

/**
 * The terms whose projection is Σⱼ cⱼ·Pⱼ(hidden): features are scaled by their coefficient, and those that a weight matrix
 * reads (hidden states, a head's own features, the base of a low-rank delta) are added up first, so that it is read once.
 * hidden [N, D], coefficients [N].
 *
 * @throws ShapeError where a head's own features are not known
 */
export function projectionTerms(hidden: Tensor, weighted: readonly WeightedProjection[]): Term[] {
  const rowCount = hidden.shape[0]!;
  const column = (coefficient: Tensor) => reshape(coefficient, [rowCount, 1]);
  const ones = () => hidden.device.tensor(new Array<number>(rowCount).fill(1), [rowCount], hidden.dtype);
  const scaled = (features: Tensor, coefficient: Tensor | null) =>
    coefficient === null ? features : multiply(features, column(coefficient));
  // By weight, the features it reads with their coefficient.
  const read = new Map<Tensor, Map<Tensor, Tensor | null>>();
  const terms: Term[] = [];
  const biases = new Map<Tensor, Tensor>();
  const addLinear = (
    { weight, bias }: Projection & { readonly kind: "linear" },
    features: Tensor,
    coefficient: Tensor | null,
  ) => {
    const own = read.get(weight) ?? new Map<Tensor, Tensor | null>();
    read.set(weight, own);
    const held = own.get(features);
    own.set(features, held === undefined ? coefficient : add(held ?? ones(), coefficient ?? ones()));
    if (bias === null) return;
    const before = biases.get(bias);
    const wanted = coefficient ?? ones();
    biases.set(bias, before === undefined ? wanted : add(before, wanted));
  };
  for (const { projection, coefficient } of weighted) {
    switch (projection.kind) {
      case "linear":
        addLinear(projection, hidden, coefficient);
        break;
      case "features":
        if (projection.features === null) {
          const expected = "features of the head's own, made by its encoding";
          throw new ShapeError({ op: "projectionTerms", label: "what a head reads", expected, actual: null });
        }
        addLinear(projection.base, projection.features, coefficient);
        break;
      case "low-rank-delta": {
        addLinear(projection.base, hidden, coefficient);
        const reduced = matmul(hidden, projection.a, { transposeB: true });
        terms.push({ features: scaled(reduced, coefficient), weight: projection.b });
      }
    }
  }
  const shared = [...read].map(([weight, own]) => ({
    features: [...own]
      .map(([features, coefficient]) => scaled(features, coefficient))
      .reduce((sum, each) => add(sum, each)),
    weight,
  }));
  const constants = [...biases].map(([bias, coefficient]) => ({ features: column(coefficient), weight: bias }));
  return [...shared, ...terms, ...constants];
}
