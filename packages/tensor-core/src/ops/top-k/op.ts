// The largest logits of each row and the sum that normalises them: what a sampler needs instead of all V logits.
import { apply } from "../../dispatch.ts";
import { ShapeError } from "../../errors.ts";
import type { FloatDtype, TensorSpec } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";
import { checkFloats, checkInputCount, checkShape } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { cpu } from "./cpu.ts";
import { wgsl } from "./wgsl.ts";

/** Attributes of `topK`. */
export interface TopKAttrs {
  /** From 1 to the width of a row. */
  readonly count: number;
}

/** The largest of each row of logits. */
export interface TopKResult {
  /** [N, k], falling. */
  readonly values: Tensor;
  /** [N, k] u32. */
  readonly ids: Tensor;
  /** Σ exp(z − max z), [N]. */
  readonly totals: Tensor;
}

/** Specs of values, ids and totals; throws ShapeError where rows have fewer logits than are wanted. */
export function topKSpecs(
  op: string,
  [rowCount, width]: readonly [number, number],
  dtype: FloatDtype,
  count: number,
): readonly TensorSpec[] {
  if (!(Number.isInteger(count) && count >= 1 && count <= width)) {
    throw new ShapeError({ op, label: "count", expected: `an integer from 1 to ${width}`, actual: count });
  }
  return [
    { shape: [rowCount, count], dtype },
    { shape: [rowCount, count], dtype: "u32" },
    { shape: [rowCount], dtype },
  ];
}

/** Values [N, k] falling, ids [N, k] (u32), totals [N] = Σ exp(z − max z). */
export const topKOp: OpDefinition<TopKAttrs> = defineOp({
  name: "topK",
  infer(inputs, { count }) {
    checkInputCount("topK", inputs, 1);
    checkShape("topK", "logits", inputs[0]!, [-1, -1]);
    const shape = inputs[0]!.shape as [number, number];
    return topKSpecs("topK", shape, checkFloats("topK", inputs), count);
  },
  reference({ inputs, outputs, attrs: { count } }) {
    const [rowCount, width] = inputs[0]!.shape as [number, number];
    for (let row = 0; row < rowCount; row++) {
      const z = inputs[0]!.data.subarray(row * width, (row + 1) * width);
      const order = [...z.keys()].sort((a, b) => z[b]! - z[a]! || a - b).slice(0, count);
      let total = 0;
      for (const value of z) total += Math.exp(value - z[order[0]!]!);
      for (const [rank, id] of order.entries()) {
        outputs[0]!.data[row * count + rank] = z[id]!;
        outputs[1]!.data[row * count + rank] = id;
      }
      outputs[2]!.data[row] = total;
    }
  },
  cpu,
  wgsl,
  vjp: "nondifferentiable",
});

/**
 * The `count` largest of each row of `logits` [N, V] in falling order, the lower id first among equals, with their ids
 * (u32) and Σ exp(z − max z) over the whole row, so that log p(id) = z − max z − ln total. Logits of −∞ have no place:
 * where a row has fewer others, what is left holds values of at most the lowest finite float, and ids without meaning.
 * A row with NaN or +∞ has a total of NaN on reference and cpu; shaders may not tell.
 */
export function topK(logits: Tensor, count: number): TopKResult {
  const [values, ids, totals] = apply(topKOp, [logits], { count });
  return { values: values!, ids: ids!, totals: totals! };
}
