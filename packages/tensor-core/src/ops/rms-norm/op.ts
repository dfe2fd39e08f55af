// RMSNorm over rows, and its gradient as an op of its own.
import { apply } from "../../dispatch.ts";
import type { Tensor } from "../../tensor.ts";
import { checkFloats, checkInputCount, checkSameShape, checkShape } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { cpuRmsNorm, cpuRmsNormGrad } from "./cpu.ts";
import { wgslRmsNorm, wgslRmsNormGrad } from "./wgsl.ts";

/** Attributes of `rmsNorm`. */
export interface RmsNormAttrs {
  readonly epsilon: number;
}

/** y = x·w / √(mean(x²) + ε) per row. */
export const rmsNormOp: OpDefinition<RmsNormAttrs> = defineOp({
  name: "rmsNorm",
  infer(inputs) {
    checkInputCount("rmsNorm", inputs, 2);
    checkShape("rmsNorm", "x", inputs[0]!, [-1, -1]);
    checkShape("rmsNorm", "weight", inputs[1]!, [inputs[0]!.shape[1]!]);
    return [{ shape: inputs[0]!.shape, dtype: checkFloats("rmsNorm", inputs) }];
  },
  reference({ inputs, outputs, attrs: { epsilon } }) {
    const x = inputs[0]!.data;
    const w = inputs[1]!.data;
    const y = outputs[0]!.data;
    const [rowCount, width] = inputs[0]!.shape as [number, number];
    for (let row = 0; row < rowCount; row++) {
      const scale = inverseRms(x, row * width, width, epsilon);
      for (let k = 0; k < width; k++) y[row * width + k] = x[row * width + k]! * scale * w[k]!;
    }
  },
  cpu: cpuRmsNorm,
  wgsl: wgslRmsNorm,
  vjp: ({ inputs, attrs }, [g]) => apply(rmsNormGradOp, [inputs[0]!, inputs[1]!, g!], attrs),
});

// With s = 1/√(mean(x²)+ε): dx = s·w·g − x·s³·mean(w·g·x), dw = Σ_rows g·x·s.
/** Gradients of rmsNorm: inputs x, weight, g; outputs dx, dweight. */
export const rmsNormGradOp: OpDefinition<RmsNormAttrs> = defineOp({
  name: "rmsNormGrad",
  infer(inputs) {
    checkInputCount("rmsNormGrad", inputs, 3);
    checkSameShape("rmsNormGrad", "g", inputs[2]!, inputs[0]!);
    const dtype = checkFloats("rmsNormGrad", inputs);
    return [
      { shape: inputs[0]!.shape, dtype },
      { shape: inputs[1]!.shape, dtype },
    ];
  },
  reference({ inputs, outputs, attrs: { epsilon } }) {
    const x = inputs[0]!.data;
    const w = inputs[1]!.data;
    const g = inputs[2]!.data;
    const dx = outputs[0]!.data;
    const [rowCount, width] = inputs[0]!.shape as [number, number];
    const dw = new Float64Array(width);
    for (let row = 0; row < rowCount; row++) {
      const at = row * width;
      const scale = inverseRms(x, at, width, epsilon);
      let dot = 0;
      for (let k = 0; k < width; k++) dot += w[k]! * g[at + k]! * x[at + k]!;
      const pull = (dot * scale * scale * scale) / width;
      for (let k = 0; k < width; k++) {
        dx[at + k] = scale * w[k]! * g[at + k]! - x[at + k]! * pull;
        dw[k] = dw[k]! + g[at + k]! * x[at + k]! * scale;
      }
    }
    outputs[1]!.data.set(dw);
  },
  cpu: cpuRmsNormGrad,
  wgsl: wgslRmsNormGrad,
  vjp: "nondifferentiable",
});

function inverseRms(x: ArrayLike<number>, at: number, width: number, epsilon: number): number {
  let squares = 0;
  for (let k = 0; k < width; k++) squares += x[at + k]! * x[at + k]!;
  return 1 / Math.sqrt(squares / width + epsilon);
}

/** RMSNorm of the rows of `x` [N, D] with `weight` [D]: x·w/√(mean(x²)+ε). */
export function rmsNorm(x: Tensor, weight: Tensor, epsilon: number): Tensor {
  return apply(rmsNormOp, [x, weight], { epsilon })[0]!;
}
