// The largest logits of several heads at once and the sum that normalises them, without ever holding [N, V]: what a sampler
// needs of a step. Knows no gate and no mixing, as project does.
import { apply } from "../../dispatch.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { checkTerms, projectOp, type Term, termInputs } from "../project/op.ts";
import { type TopKAttrs, type TopKResult, topKOp, topKSpecs } from "../top-k/op.ts";
import { cpu } from "./cpu.ts";
import { wgsl } from "./wgsl.ts";

/** Inputs X₀, W₀, X₁, W₁, … of Z = Σⱼ XⱼWⱼᵀ; outputs values [N, k] falling, ids [N, k] (u32), totals [N] = Σ exp(z − max z). */
export const projectTopKOp: OpDefinition<TopKAttrs> = defineOp({
  name: "projectTopK",
  infer(inputs, { count }) {
    const { rowCount, vocabSize, dtype } = checkTerms("projectTopK", inputs, 0);
    return topKSpecs("projectTopK", [rowCount, vocabSize], dtype, count);
  },
  reference({ inputs, outputs, attrs }) {
    const shape = [inputs[0]!.shape[0]!, inputs[1]!.shape[0]!];
    const logits = { shape, dtype: "f64" as const, data: new Float64Array(shape[0]! * shape[1]!) };
    projectOp.reference({ inputs, outputs: [logits], attrs: {} });
    topKOp.reference({ inputs: [logits], outputs, attrs });
  },
  cpu,
  wgsl,
  vjp: "nondifferentiable",
});

/**
 * `topK(project(terms), count)` in memory that does not grow with N·V: the `count` largest logits of each row in falling
 * order, the lower id first among equals, with their ids and Σ exp(z − max z) over the whole row.
 */
export function projectTopK(terms: readonly Term[], count: number): TopKResult {
  const [values, ids, totals] = apply(projectTopKOp, termInputs(terms), { count });
  return { values: values!, ids: ids!, totals: totals! };
}
