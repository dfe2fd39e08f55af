// Element-wise functions of two tensors with broadcasting; the functions themselves are rows of a table.
import { apply } from "../../dispatch.ts";
import { GradientError } from "../../errors.ts";
import { broadcastShapes, broadcastStrides } from "../../spec.ts";
import type { Tensor } from "../../tensor.ts";
import { sumTo } from "../broadcast/op.ts";
import { checkFloats, checkInputCount } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { cpu } from "./cpu.ts";
import { type BinaryName, binaryTable } from "./table.ts";
import { wgsl } from "./wgsl.ts";

/** Attributes of `binary`: which row of the table. */
export interface BinaryAttrs {
  readonly name: BinaryName;
}

/** y = f(a, b), shapes broadcast as in NumPy. */
export const binaryOp: OpDefinition<BinaryAttrs> = defineOp({
  name: "binary",
  infer(inputs, { name }) {
    checkInputCount(name, inputs, 2);
    const dtype = checkFloats(name, inputs);
    return [{ shape: broadcastShapes(name, inputs[0]!.shape, inputs[1]!.shape), dtype }];
  },
  reference({ inputs, outputs, attrs }) {
    const { value } = binaryTable[attrs.name];
    const [a, b] = [inputs[0]!.data, inputs[1]!.data];
    const { shape, data: y } = outputs[0]!;
    const aStrides = broadcastStrides(inputs[0]!.shape, shape);
    const bStrides = broadcastStrides(inputs[1]!.shape, shape);
    for (let index = 0; index < y.length; index++) {
      let rest = index;
      let aIndex = 0;
      let bIndex = 0;
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        const coordinate = rest % shape[axis]!;
        rest = (rest - coordinate) / shape[axis]!;
        aIndex += coordinate * aStrides[axis]!;
        bIndex += coordinate * bStrides[axis]!;
      }
      y[index] = value(a[aIndex]!, b[bIndex]!);
    }
  },
  cpu,
  wgsl,
  vjp: ({ inputs, outputs, attrs, needs }, [g]) => {
    const { gradients } = binaryTable[attrs.name];
    if (gradients === null)
      throw new GradientError(`Cannot differentiate through ${attrs.name}: it is piecewise constant`);
    return inputs.map((input, index) =>
      needs[index] ? sumTo(gradients[index as 0 | 1](inputs[0]!, inputs[1]!, outputs[0]!, g!), input.shape) : null,
    );
  },
});

function binary(name: BinaryName, a: Tensor, b: Tensor): Tensor {
  return apply(binaryOp, [a, b], { name })[0]!;
}

/** a + b, broadcast. */
export function add(a: Tensor, b: Tensor): Tensor {
  return binary("add", a, b);
}

/** a − b, broadcast. */
export function subtract(a: Tensor, b: Tensor): Tensor {
  return binary("subtract", a, b);
}

/** a·b element by element, broadcast. */
export function multiply(a: Tensor, b: Tensor): Tensor {
  return binary("multiply", a, b);
}

/** a/b element by element, broadcast. */
export function divide(a: Tensor, b: Tensor): Tensor {
  return binary("divide", a, b);
}

/** min(a, b), broadcast; ties send the gradient to a. */
export function minimum(a: Tensor, b: Tensor): Tensor {
  return binary("minimum", a, b);
}

/** max(a, b), broadcast; ties send the gradient to a. */
export function maximum(a: Tensor, b: Tensor): Tensor {
  return binary("maximum", a, b);
}

/** ln(eᵃ + eᵇ) without overflow, broadcast. */
export function logAddExp(a: Tensor, b: Tensor): Tensor {
  return binary("logAddExp", a, b);
}

/** σ(u + ln s) for s ≥ 0 without infinities: exactly 0 at s = 0, σ(u) at s = 1; broadcast. */
export function scaledSigmoid(u: Tensor, s: Tensor): Tensor {
  return binary("scaledSigmoid", u, s);
}

/** `values` where a ≥ b, else 0; broadcast, not differentiable in a and b. */
export function where(a: Tensor, b: Tensor, values: Tensor): Tensor {
  return binary("multiply", values, binary("greaterEqual", a, b));
}
