// Rotary position embedding by given cosines and sines; knows no positions and no scaling rule: the host makes the angles.
import { apply } from "../../dispatch.ts";
import { ShapeError } from "../../errors.ts";
import type { Tensor } from "../../tensor.ts";
import { checkFloats, checkInputCount, checkShape } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { cpu } from "./cpu.ts";
import { wgsl } from "./wgsl.ts";

/** Attributes of `rope`. */
export interface RopeAttrs {
  /** Rotates back, which is the gradient. */
  readonly inverse: boolean;
  /** K, even. */
  readonly headSize: number;
}

/**
 * Rotates pairs (k, k + R/2) of each head of x [N, H·K] by the angles of rotation [N, R] = cos (R/2) | sin (R/2); numbers
 * of a head from R on stay as they are.
 */
export const ropeOp: OpDefinition<RopeAttrs> = defineOp({
  name: "rope",
  infer(inputs, { headSize }) {
    checkInputCount("rope", inputs, 2);
    checkShape("rope", "x", inputs[0]!, [-1, -1]);
    checkShape("rope", "rotation", inputs[1]!, [inputs[0]!.shape[0]!, -1]);
    const [width, turned] = [inputs[0]!.shape[1]!, inputs[1]!.shape[1]!];
    if (turned % 2 !== 0 || turned > headSize) {
      const expected = `even and at most the head size ${headSize}`;
      throw new ShapeError({ op: "rope", label: "the width of rotation", expected, actual: turned });
    }
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
  reference({ inputs, outputs, attrs: { inverse, headSize } }) {
    const x = inputs[0]!.data;
    const rotation = inputs[1]!.data;
    const y = outputs[0]!.data;
    const [rowCount, width] = inputs[0]!.shape as [number, number];
    const turned = inputs[1]!.shape[1]!;
    const half = turned / 2;
    for (let row = 0; row < rowCount; row++) {
      for (let head = 0; head < width; head += headSize) {
        for (let k = 0; k < half; k++) {
          const cos = rotation[row * turned + k]!;
          const sin = rotation[row * turned + half + k]! * (inverse ? -1 : 1);
          const low = row * width + head + k;
          const [a, b] = [x[low]!, x[low + half]!];
          y[low] = a * cos - b * sin;
          y[low + half] = b * cos + a * sin;
        }
        for (let k = turned; k < headSize; k++) y[row * width + head + k] = x[row * width + head + k]!;
      }
    }
  },
  cpu,
  wgsl,
  vjp: ({ inputs, attrs }, [g]) => [apply(ropeOp, [g!, inputs[1]!], { ...attrs, inverse: !attrs.inverse })[0]!, null],
});

/**
 * Rotates the heads of `x` [N, H·K] by `rotation` [N, R], cosines then sines of R/2 angles a row.
 *
 * @param headSize K where only the first R of a head's numbers turn; defaults to R
 */
export function rope(x: Tensor, rotation: Tensor, headSize: number = rotation.shape[1]!): Tensor {
  return apply(ropeOp, [x, rotation], { inverse: false, headSize })[0]!;
}
