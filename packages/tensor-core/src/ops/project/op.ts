// Logits of several heads at once: the sum of products of features with head matrices. Knows no gate and no mixing:
// whoever mixes scales the features of each head by its coefficient first.
import { apply } from "../../dispatch.ts";
import { ShapeError } from "../../errors.ts";
import type { FloatDtype, TensorSpec } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";
import { checkFloats, checkShape, checkWeight } from "../check.ts";
import { matmul } from "../matmul/op.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { cpu } from "./cpu.ts";
import { wgsl } from "./wgsl.ts";

/** One addend of logits: features [N, Dⱼ] times weight [V, Dⱼ]ᵀ. */
export interface Term {
  readonly features: Tensor;
  readonly weight: Tensor;
}

/** Checks pairs (features, weight) from `first` on, weights packed or not; returns N, V and the dtype of the features. */
export function checkTerms(
  op: string,
  inputs: readonly TensorSpec[],
  first: number,
): { rowCount: number; vocabSize: number; dtype: FloatDtype } {
  const pairs = inputs.slice(first);
  if (pairs.length < 2 || pairs.length % 2 !== 0) {
    throw new ShapeError({
      op,
      label: "the number of term inputs",
      expected: "an even number from 2 on",
      actual: pairs.length,
    });
  }
  checkShape(op, "features 0", pairs[0]!, [-1, -1]);
  checkShape(op, "weight 0", pairs[1]!, [-1, -1]);
  const rowCount = pairs[0]!.shape[0]!;
  const vocabSize = pairs[1]!.shape[0]!;
  for (let term = 0; 2 * term < pairs.length; term++) {
    checkShape(op, `features ${term}`, pairs[2 * term]!, [rowCount, -1]);
    checkShape(op, `weight ${term}`, pairs[2 * term + 1]!, [vocabSize, pairs[2 * term]!.shape[1]!]);
  }
  const dtype = checkFloats(
    op,
    pairs.filter((_, index) => index % 2 === 0),
  );
  for (let term = 0; 2 * term < pairs.length; term++) checkWeight(op, `weight ${term}`, pairs[2 * term + 1]!, dtype);
  return { rowCount, vocabSize, dtype };
}

/** The flat input list of terms. */
export function termInputs(terms: readonly Term[]): Tensor[] {
  return terms.flatMap(({ features, weight }) => [features, weight]);
}

/** Z[N, V] = Σⱼ Xⱼ[N, Dⱼ]·Wⱼ[V, Dⱼ]ᵀ; inputs X₀, W₀, X₁, W₁, … */
export const projectOp: OpDefinition<Record<string, never>> = defineOp({
  name: "project",
  infer(inputs) {
    const { rowCount, vocabSize, dtype } = checkTerms("project", inputs, 0);
    return [{ shape: [rowCount, vocabSize], dtype }];
  },
  reference({ inputs, outputs }) {
    const z = outputs[0]!.data;
    const [rowCount, vocabSize] = outputs[0]!.shape as [number, number];
    for (let row = 0; row < rowCount; row++) {
      for (let token = 0; token < vocabSize; token++) {
        let sum = 0;
        for (let term = 0; term < inputs.length; term += 2) {
          const size = inputs[term]!.shape[1]!;
          const features = inputs[term]!.data;
          const weight = inputs[term + 1]!.data;
          let dot = 0;
          for (let k = 0; k < size; k++) dot += features[row * size + k]! * weight[token * size + k]!;
          sum += dot;
        }
        z[row * vocabSize + token] = sum;
      }
    }
  },
  cpu,
  wgsl,
  vjp: ({ inputs, needs }, [g]) =>
    inputs.map((_, index) => {
      if (!needs[index]) return null;
      return index % 2 === 0 ? matmul(g!, inputs[index + 1]!) : matmul(g!, inputs[index - 1]!, { transposeA: true });
    }),
});

/** Logits [N, V] = Σⱼ featuresⱼ·weightⱼᵀ. */
export function project(terms: readonly Term[]): Tensor {
  return apply(projectOp, termInputs(terms), {})[0]!;
}
