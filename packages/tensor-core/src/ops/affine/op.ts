// a·x + b with constants, element by element.
import { apply } from "../../dispatch.ts";
import type { Tensor } from "../../tensor.ts";
import { add } from "../binary/op.ts";
import { checkFloats, checkInputCount } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { cpu } from "./cpu.ts";
import { wgsl } from "./wgsl.ts";

/** Attributes of `affine`. */
export interface AffineAttrs {
  readonly scale: number;
  readonly shift: number;
}

/** y = scale·x + shift. */
export const affineOp: OpDefinition<AffineAttrs> = defineOp({
  name: "affine",
  infer(inputs) {
    checkInputCount("affine", inputs, 1);
    return [{ shape: inputs[0]!.shape, dtype: checkFloats("affine", inputs) }];
  },
  reference({ inputs, outputs, attrs: { scale, shift } }) {
    const x = inputs[0]!.data;
    const y = outputs[0]!.data;
    for (let index = 0; index < y.length; index++) y[index] = scale * x[index]! + shift;
  },
  cpu,
  wgsl,
  vjp: ({ attrs }, [g]) => [affine(g!, attrs.scale, 0)],
});

/** scale·x + shift, plus `plus` where it is given; any shape. */
export function affine(x: Tensor, scale: number, shift: number, plus?: Tensor): Tensor {
  const y = apply(affineOp, [x], { scale, shift })[0]!;
  return plus === undefined ? y : add(y, plus);
}
