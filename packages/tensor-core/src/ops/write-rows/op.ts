// Overwriting rows of a cache in place: the cache is donated and comes back.
import { apply } from "../../dispatch.ts";
import type { Tensor } from "../../tensor.ts";
import { checkFloats, checkIndices, checkInputCount, checkShape } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { cpu } from "./cpu.ts";
import { wgsl } from "./wgsl.ts";

/** cache[index[n]] = rows[n] for distinct indices; input 0 is donated. */
export const writeRowsOp: OpDefinition<Record<string, never>> = defineOp({
  name: "writeRows",
  infer(inputs) {
    checkInputCount("writeRows", inputs, 3);
    checkShape("writeRows", "cache", inputs[0]!, [-1, -1]);
    checkShape("writeRows", "rows", inputs[1]!, [-1, inputs[0]!.shape[1]!]);
    checkIndices("writeRows", "index", inputs[2]!, [inputs[1]!.shape[0]!]);
    return [{ shape: inputs[0]!.shape, dtype: checkFloats("writeRows", inputs.slice(0, 2)) }];
  },
  reference({ inputs, outputs }) {
    const width = inputs[0]!.shape[1]!;
    const index = inputs[2]!.data;
    for (let row = 0; row < index.length; row++) {
      outputs[0]!.data.set(inputs[1]!.data.subarray(row * width, (row + 1) * width), index[row]! * width);
    }
  },
  cpu,
  wgsl,
  donates: [0],
  vjp: "nondifferentiable",
});

/** Writes `rows` [N, D] to rows `index` [N] of `cache` [R, D] in place; use the result, `cache` is gone. */
export function writeRows(cache: Tensor, rows: Tensor, index: Tensor): Tensor {
  return apply(writeRowsOp, [cache, rows, index], {})[0]!;
}
