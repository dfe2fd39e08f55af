// Element-wise functions of one tensor; the functions themselves are rows of a table.
import { apply } from "../../dispatch.ts";
import type { Tensor } from "../../tensor.ts";
import { checkFloats, checkInputCount } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { cpu } from "./cpu.ts";
import { type UnaryName, unaryTable } from "./table.ts";
import { wgsl } from "./wgsl.ts";

/** Attributes of `unary`: which row of the table. */
export interface UnaryAttrs {
  readonly name: UnaryName;
}

/** y = f(x) element by element. */
export const unaryOp: OpDefinition<UnaryAttrs> = defineOp({
  name: "unary",
  infer(inputs) {
    checkInputCount("unary", inputs, 1);
    return [{ shape: inputs[0]!.shape, dtype: checkFloats("unary", inputs) }];
  },
  reference({ inputs, outputs, attrs }) {
    const { value } = unaryTable[attrs.name];
    const x = inputs[0]!.data;
    const y = outputs[0]!.data;
    for (let index = 0; index < y.length; index++) y[index] = value(x[index]!);
  },
  cpu,
  wgsl,
  vjp: ({ inputs, outputs, attrs }, [g]) => [unaryTable[attrs.name].gradient(inputs[0]!, outputs[0]!, g!)],
});

/** f(x) element by element, any shape; `name` is a row of the table: exp, log, sigmoid, softplus, silu, … */
export function unary(name: UnaryName, x: Tensor): Tensor {
  return apply(unaryOp, [x], { name })[0]!;
}
