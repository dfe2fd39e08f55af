// One AdamW update with decoupled weight decay, in place: parameter and both moments are donated and come back.
import { apply } from "../../dispatch.ts";
import type { Tensor } from "../../tensor.ts";
import { checkFloats, checkInputCount, checkSameShape, checkShape } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { cpu } from "./cpu.ts";
import { wgsl } from "./wgsl.ts";

/** Attributes of `adamw`: `step` counts from 1; betas, epsilon and decay as in Loshchilov and Hutter. */
export interface AdamwAttrs {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly step: number;
}

// g ← g·scale; m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; w ← w − lr·(m̂/(√v̂ + ε) + decay·w), m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ).
/** Inputs parameter, m, v, gradient (one shape) and a scalar that scales the gradient; the first three are donated. */
export const adamwOp: OpDefinition<AdamwAttrs> = defineOp({
  name: "adamw",
  infer(inputs) {
    checkInputCount("adamw", inputs, 5);
    for (const [index, label] of ["m", "v", "gradient"].entries())
      checkSameShape("adamw", label, inputs[index + 1]!, inputs[0]!);
    checkShape("adamw", "gradient scale", inputs[4]!, []);
    const dtype = checkFloats("adamw", inputs);
    return inputs.slice(0, 3).map(({ shape }) => ({ shape, dtype }));
  },
  reference({ inputs, outputs, attrs }) {
    const [w, m, v, gradient, scale] = inputs.map((input) => input.data);
    const [wOut, mOut, vOut] = outputs.map((output) => output.data);
    const { correction1, correction2 } = biasCorrections(attrs);
    for (let index = 0; index < w!.length; index++) {
      const g = gradient![index]! * scale![0]!;
      const mNext = attrs.beta1 * m![index]! + (1 - attrs.beta1) * g;
      const vNext = attrs.beta2 * v![index]! + (1 - attrs.beta2) * g * g;
      const update = (mNext * correction1) / (Math.sqrt(vNext * correction2) + attrs.epsilon);
      wOut![index] = w![index]! - attrs.learningRate * (update + attrs.weightDecay * w![index]!);
      mOut![index] = mNext;
      vOut![index] = vNext;
    }
  },
  cpu,
  wgsl,
  donates: [0, 1, 2],
  vjp: "nondifferentiable",
});

/** 1/(1−β₁ᵗ) and 1/(1−β₂ᵗ). */
export function biasCorrections({ beta1, beta2, step }: AdamwAttrs): { correction1: number; correction2: number } {
  return { correction1: 1 / (1 - beta1 ** step), correction2: 1 / (1 - beta2 ** step) };
}

/** State of one parameter under AdamW. */
export interface AdamwState {
  readonly parameter: Tensor;
  readonly m: Tensor;
  readonly v: Tensor;
}

/** One AdamW step on `state` with `gradient` scaled by the scalar `gradientScale`; the given state is gone afterwards. */
export function adamw(state: AdamwState, gradient: Tensor, gradientScale: Tensor, attrs: AdamwAttrs): AdamwState {
  const [parameter, m, v] = apply(adamwOp, [state.parameter, state.m, state.v, gradient, gradientScale], attrs);
  return { parameter: parameter!, m: m!, v: v! };
}
