// Broadcasting and its dual: sumTo adds up the axes broadcastTo repeats. Each is the other's gradient.
import { apply } from "../../dispatch.ts";
import { ShapeError } from "../../errors.ts";
import { broadcastShapes, broadcastStrides, sameShape } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";
import { checkFloats, checkInputCount } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { cpuBroadcastTo, cpuSumTo } from "./cpu.ts";
import { wgslBroadcastTo, wgslSumTo } from "./wgsl.ts";

/** Attributes of both: the target shape. */
export interface ShapeAttrs {
  readonly shape: readonly number[];
}

/** For each element of `full` in order, the index of the element of `part` it broadcasts from. */
export function forEachBroadcast(
  part: readonly number[],
  full: readonly number[],
  visit: (fullIndex: number, partIndex: number) => void,
): void {
  const strides = broadcastStrides(part, full);
  const size = full.reduce((product, extent) => product * extent, 1);
  for (let index = 0; index < size; index++) {
    let rest = index;
    let partIndex = 0;
    for (let axis = full.length - 1; axis >= 0; axis--) {
      const coordinate = rest % full[axis]!;
      rest = (rest - coordinate) / full[axis]!;
      partIndex += coordinate * strides[axis]!;
    }
    visit(index, partIndex);
  }
}

function checkBroadcast(op: string, part: readonly number[], full: readonly number[]): void {
  if (!sameShape(broadcastShapes(op, part, full), full)) {
    throw new ShapeError({
      op,
      label: "the smaller shape",
      expected: `one that broadcasts to [${full.join(", ")}]`,
      actual: part,
    });
  }
}

/** Repeats along axes of extent 1 and new leading axes. */
export const broadcastToOp: OpDefinition<ShapeAttrs> = defineOp({
  name: "broadcastTo",
  infer(inputs, { shape }) {
    checkInputCount("broadcastTo", inputs, 1);
    checkBroadcast("broadcastTo", inputs[0]!.shape, shape);
    return [{ shape, dtype: checkFloats("broadcastTo", inputs) }];
  },
  reference({ inputs, outputs }) {
    const [x, y] = [inputs[0]!.data, outputs[0]!.data];
    forEachBroadcast(inputs[0]!.shape, outputs[0]!.shape, (full, part) => {
      y[full] = x[part]!;
    });
  },
  cpu: cpuBroadcastTo,
  wgsl: wgslBroadcastTo,
  vjp: ({ inputs }, [g]) => [sumTo(g!, inputs[0]!.shape)],
});

/** Sums the axes along which the target is 1 or missing. */
export const sumToOp: OpDefinition<ShapeAttrs> = defineOp({
  name: "sumTo",
  infer(inputs, { shape }) {
    checkInputCount("sumTo", inputs, 1);
    checkBroadcast("sumTo", shape, inputs[0]!.shape);
    return [{ shape, dtype: checkFloats("sumTo", inputs) }];
  },
  reference({ inputs, outputs }) {
    const [x, y] = [inputs[0]!.data, outputs[0]!.data];
    // Sums in float64 whatever the output holds.
    const sums = new Float64Array(y.length);
    forEachBroadcast(outputs[0]!.shape, inputs[0]!.shape, (full, part) => {
      sums[part] = sums[part]! + x[full]!;
    });
    y.set(sums);
  },
  cpu: cpuSumTo,
  wgsl: wgslSumTo,
  vjp: ({ inputs }, [g]) => [broadcastTo(g!, inputs[0]!.shape)],
});

/** Repeats `x` to `shape` (NumPy's rule). */
export function broadcastTo(x: Tensor, shape: readonly number[]): Tensor {
  return sameShape(x.shape, shape) ? x : apply(broadcastToOp, [x], { shape })[0]!;
}

/** Sums `x` over the axes that `shape` lacks or holds as 1; `[]` sums everything. */
export function sumTo(x: Tensor, shape: readonly number[]): Tensor {
  return sameShape(x.shape, shape) ? x : apply(sumToOp, [x], { shape })[0]!;
}
