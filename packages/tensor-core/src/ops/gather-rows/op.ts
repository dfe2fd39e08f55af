// Picking rows of a matrix and its dual, adding rows into a matrix. Each is the other's gradient.
import { apply } from "../../dispatch.ts";
import { isPacked } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";
import { checkFloats, checkIndices, checkInputCount, checkShape } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { unpackRows } from "../unpack-rows/op.ts";
import { cpuGatherRows, cpuScatterAddRows } from "./cpu.ts";
import { wgslGatherRows, wgslScatterAddRows } from "./wgsl.ts";

/** Y[N, D] = X[index[N], D]. Rows must exist: the host checks them where it makes the index. */
export const gatherRowsOp: OpDefinition<Record<string, never>> = defineOp({
  name: "gatherRows",
  infer(inputs) {
    checkInputCount("gatherRows", inputs, 2);
    checkShape("gatherRows", "x", inputs[0]!, [-1, -1]);
    checkIndices("gatherRows", "index", inputs[1]!, [-1]);
    return [{ shape: [inputs[1]!.shape[0]!, inputs[0]!.shape[1]!], dtype: checkFloats("gatherRows", [inputs[0]!]) }];
  },
  reference({ inputs, outputs }) {
    const width = inputs[0]!.shape[1]!;
    const index = inputs[1]!.data;
    for (let row = 0; row < index.length; row++) {
      outputs[0]!.data.set(inputs[0]!.data.subarray(index[row]! * width, (index[row]! + 1) * width), row * width);
    }
  },
  cpu: cpuGatherRows,
  wgsl: wgslGatherRows,
  vjp: ({ inputs }, [g]) => [scatterAddRows(g!, inputs[1]!, inputs[0]!.shape[0]!), null],
});

/** Attributes of `scatterAddRows`. */
export interface ScatterAddRowsAttrs {
  readonly rowCount: number;
}

/** Y[R, D], zero but for Y[index[n]] += X[n]; sums run in the order of n, so they are deterministic. */
export const scatterAddRowsOp: OpDefinition<ScatterAddRowsAttrs> = defineOp({
  name: "scatterAddRows",
  infer(inputs, { rowCount }) {
    checkInputCount("scatterAddRows", inputs, 2);
    checkShape("scatterAddRows", "x", inputs[0]!, [-1, -1]);
    checkIndices("scatterAddRows", "index", inputs[1]!, [inputs[0]!.shape[0]!]);
    return [{ shape: [rowCount, inputs[0]!.shape[1]!], dtype: checkFloats("scatterAddRows", [inputs[0]!]) }];
  },
  reference({ inputs, outputs }) {
    const width = inputs[0]!.shape[1]!;
    const x = inputs[0]!.data;
    const index = inputs[1]!.data;
    const sums = new Float64Array(outputs[0]!.data.length);
    for (let row = 0; row < index.length; row++) {
      for (let column = 0; column < width; column++) {
        const to = index[row]! * width + column;
        sums[to] = sums[to]! + x[row * width + column]!;
      }
    }
    outputs[0]!.data.set(sums);
  },
  cpu: cpuScatterAddRows,
  wgsl: wgslScatterAddRows,
  vjp: ({ inputs }, [g]) => [gatherRows(g!, inputs[1]!), null],
});

/** Rows `index` [N] (u32) of `x` [R, D], packed or not → [N, D]; embedding lookup is this. */
export function gatherRows(x: Tensor, index: Tensor): Tensor {
  return isPacked(x.dtype) ? unpackRows(x, index) : apply(gatherRowsOp, [x, index], {})[0]!;
}

/** Adds row n of `x` [N, D] into row index[n] of a zero matrix [rowCount, D]; sums over segments are this. */
export function scatterAddRows(x: Tensor, index: Tensor, rowCount: number): Tensor {
  return apply(scatterAddRowsOp, [x, index], { rowCount })[0]!;
}
