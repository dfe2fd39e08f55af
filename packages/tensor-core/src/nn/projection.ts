// A head as data, and logits of weighted heads as terms of one projection; knows no gate and no training.
import { add, multiply } from "../ops/binary/op.ts";
import { matmul } from "../ops/matmul/op.ts";
import type { Term } from "../ops/project/op.ts";
import { reshape } from "../ops/reshape/op.ts";
import { unary } from "../ops/unary/op.ts";
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
      /** The base's map of h + B·silu(A·h). */
      readonly kind: "residual";
      readonly base: Projection & { readonly kind: "linear" };
      readonly a: Tensor /* [k, D] */;
      readonly b: Tensor /* [D, k] */;
    };

/** A projection with its coefficient of each row, [N]; `null` stands for 1. */
export interface WeightedProjection {
  readonly projection: Projection;
  readonly coefficient: Tensor | null;
}

/**
 * The terms whose projection is Σⱼ cⱼ·Pⱼ(hidden): features are scaled by their coefficient, parts that share a weight
 * matrix (a low-rank delta or a residual and its base) are computed once. hidden [N, D], coefficients [N].
 */
export function projectionTerms(hidden: Tensor, weighted: readonly WeightedProjection[]): Term[] {
  const rowCount = hidden.shape[0]!;
  const column = (coefficient: Tensor) => reshape(coefficient, [rowCount, 1]);
  const ones = () => hidden.device.tensor(new Array<number>(rowCount).fill(1), [rowCount], hidden.dtype);
  const coefficients = new Map<Tensor, Tensor | null>();
  const terms: Term[] = [];
  // What residuals add to the features of a weight.
  const residuals = new Map<Tensor, Tensor>();
  const biases = new Map<Tensor, Tensor>();
  const addCoefficient = (weight: Tensor, coefficient: Tensor | null) => {
    const held = coefficients.get(weight);
    coefficients.set(weight, held === undefined ? coefficient : add(held ?? ones(), coefficient ?? ones()));
  };
  const addLinear = (projection: Projection & { readonly kind: "linear" }, coefficient: Tensor | null) => {
    addCoefficient(projection.weight, coefficient);
    if (projection.bias === null) return;
    const held = biases.get(projection.bias);
    const wanted = coefficient ?? ones();
    biases.set(projection.bias, held === undefined ? wanted : add(held, wanted));
  };
  for (const { projection, coefficient } of weighted) {
    if (projection.kind === "linear") {
      addLinear(projection, coefficient);
      continue;
    }
    addLinear(projection.base, coefficient);
    const reduced = matmul(hidden, projection.a, { transposeB: true });
    const scaled = (features: Tensor) => (coefficient === null ? features : multiply(features, column(coefficient)));
    if (projection.kind === "low-rank-delta") {
      terms.push({ features: scaled(reduced), weight: projection.b });
      continue;
    }
    const { weight } = projection.base;
    const residual = scaled(matmul(unary("silu", reduced), projection.b, { transposeB: true }));
    const held = residuals.get(weight);
    residuals.set(weight, held === undefined ? residual : add(held, residual));
  }
  const shared = [...coefficients].map(([weight, coefficient]) => {
    const own = coefficient === null ? hidden : multiply(hidden, column(coefficient));
    const residual = residuals.get(weight);
    return { features: residual === undefined ? own : add(own, residual), weight };
  });
  const constants = [...biases].map(([bias, coefficient]) => ({
    features: column(coefficient),
    weight: bias,
  }));
  return [...shared, ...terms, ...constants];
}
