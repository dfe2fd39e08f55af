// Rotary position embedding by given cosines and sines; knows no positions and no scaling rule: the host makes the angles.
import { apply } from "../../dispatch.ts";
import { ShapeError } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { checkFloats, checkInputCount, checkShape } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { cpu } from "./cpu.ts";
import { wgsl } from "./wgsl.ts";

/** Attributes of `rope`: `inverse` rotates back, which is the gradient. */
export interface RopeAttrs {
  readonly inverse: boolean;
}

/** Rotates pairs (k, k + K/2) of each head of x [N, H·K] by the angles of rotation [N, K] = cos (K/2) | sin (K/2). */
export const ropeOp: OpDefinition<RopeAttrs> = defineOp({
  name: "rope",
  infer(inputs) {
    checkInputCount("rope", inputs, 2);
    checkShape("rope", "x", inputs[0]!, [-1, -1]);
    checkShape("rope", "rotation", inputs[1]!, [inputs[0]!.shape[0]!, -1]);
    const [width, headSize] = [inputs[0]!.shape[1]!, inputs[1]!.shape[1]!];
    if (headSize % 2 !== 0 || width % headSize !== 0) {
      throw new ShapeError({
        op: "rope",
        label: "the width of x",
        expected: `a multiple of the even head size ${headSize}`,
        actual: width,
      });
    }
    return [{ shape: inputs[0]!.shape, dtype: checkFloats("rope", inputs) }];
  },
  reference({ inputs, outputs, attrs: { inverse } }) {
    const x = inputs[0]!.data;
    const rotation = inputs[1]!.data;
    const y = outputs[0]!.data;
    const [rowCount, width] = inputs[0]!.shape as [number, number];
    const headSize = inputs[1]!.shape[1]!;
    const half = headSize / 2;
    for (let row = 0; row < rowCount; row++) {
      for (let head = 0; head < width; head += headSize) {
        for (let k = 0; k < half; k++) {
          const cos = rotation[row * headSize + k]!;
          const sin = rotation[row * headSize + half + k]! * (inverse ? -1 : 1);
          const low = row * width + head + k;
          const [a, b] = [x[low]!, x[low + half]!];
          y[low] = a * cos - b * sin;
          y[low + half] = b * cos + a * sin;
        }
      }
    }
  },
  cpu,
  wgsl,
  vjp: ({ inputs, attrs }, [g]) => [apply(ropeOp, [g!, inputs[1]!], { inverse: !attrs.inverse })[0]!, null],
});

/** Rotates the heads of `x` [N, H·K] by `rotation` [N, K], cosines then sines of K/2 angles a row. */
export function rope(x: Tensor, rotation: Tensor): Tensor {
  return apply(ropeOp, [x, rotation], { inverse: false })[0]!;
}
