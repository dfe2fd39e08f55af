// LayerNorm over rows, and its gradient as an op of its own.
import { apply } from "../../dispatch.ts";
import type { Tensor } from "../../tensor.ts";
import { sumTo } from "../broadcast/op.ts";
import { checkFloats, checkInputCount, checkSameShape, checkShape } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { cpuLayerNorm, cpuLayerNormGrad } from "./cpu.ts";
import { wgslLayerNorm, wgslLayerNormGrad } from "./wgsl.ts";

/** Attributes of `layerNorm`. */
export interface LayerNormAttrs {
  readonly epsilon: number;
}

/** y = (x − mean(x))·w / √(var(x) + ε) + b per row; var is the mean of squared deviations. */
export const layerNormOp: OpDefinition<LayerNormAttrs> = defineOp({
  name: "layerNorm",
  infer(inputs) {
    checkInputCount("layerNorm", inputs, 3);
    checkShape("layerNorm", "x", inputs[0]!, [-1, -1]);
    checkShape("layerNorm", "weight", inputs[1]!, [inputs[0]!.shape[1]!]);
    checkShape("layerNorm", "bias", inputs[2]!, [inputs[0]!.shape[1]!]);
    return [{ shape: inputs[0]!.shape, dtype: checkFloats("layerNorm", inputs) }];
  },
  reference({ inputs, outputs, attrs: { epsilon } }) {
    const [x, w, b] = [inputs[0]!.data, inputs[1]!.data, inputs[2]!.data];
    const y = outputs[0]!.data;
    const [rowCount, width] = inputs[0]!.shape as [number, number];
    for (let row = 0; row < rowCount; row++) {
      const at = row * width;
      const { mean, scale } = momentsOf(x, at, width, epsilon);
      for (let k = 0; k < width; k++) y[at + k] = (x[at + k]! - mean) * scale * w[k]! + b[k]!;
    }
  },
  cpu: cpuLayerNorm,
  wgsl: wgslLayerNorm,
  vjp({ inputs, attrs }, [g]) {
    const [dx, dweight] = apply(layerNormGradOp, [inputs[0]!, inputs[1]!, g!], attrs);
    return [dx!, dweight!, sumTo(g!, inputs[2]!.shape)];
  },
});

// With s = 1/√(var+ε), x̂ = (x − mean)·s and ĝ = w·g: dx = s·(ĝ − mean(ĝ) − x̂·mean(ĝ·x̂)), dw = Σ_rows g·x̂.
/** Gradients of layerNorm: inputs x, weight, g; outputs dx, dweight. */
export const layerNormGradOp: OpDefinition<LayerNormAttrs> = defineOp({
  name: "layerNormGrad",
  infer(inputs) {
    checkInputCount("layerNormGrad", inputs, 3);
    checkSameShape("layerNormGrad", "g", inputs[2]!, inputs[0]!);
    const dtype = checkFloats("layerNormGrad", inputs);
    return [
      { shape: inputs[0]!.shape, dtype },
      { shape: inputs[1]!.shape, dtype },
    ];
  },
  reference({ inputs, outputs, attrs: { epsilon } }) {
    const [x, w, g] = [inputs[0]!.data, inputs[1]!.data, inputs[2]!.data];
    const dx = outputs[0]!.data;
    const [rowCount, width] = inputs[0]!.shape as [number, number];
    const dw = new Float64Array(width);
    for (let row = 0; row < rowCount; row++) {
      const at = row * width;
      const { mean, scale } = momentsOf(x, at, width, epsilon);
      let sum = 0;
      let along = 0;
      for (let k = 0; k < width; k++) {
        const scaled = w[k]! * g[at + k]!;
        sum += scaled;
        along += scaled * (x[at + k]! - mean) * scale;
      }
      for (let k = 0; k < width; k++) {
        const normed = (x[at + k]! - mean) * scale;
        dx[at + k] = scale * (w[k]! * g[at + k]! - sum / width - (normed * along) / width);
        dw[k] = dw[k]! + g[at + k]! * normed;
      }
    }
    outputs[1]!.data.set(dw);
  },
  cpu: cpuLayerNormGrad,
  wgsl: wgslLayerNormGrad,
  vjp: "nondifferentiable",
});

function momentsOf(x: ArrayLike<number>, at: number, width: number, epsilon: number): { mean: number; scale: number } {
  let sum = 0;
  for (let k = 0; k < width; k++) sum += x[at + k]!;
  const mean = sum / width;
  let squares = 0;
  for (let k = 0; k < width; k++) squares += (x[at + k]! - mean) ** 2;
  return { mean, scale: 1 / Math.sqrt(squares / width + epsilon) };
}

/** LayerNorm of the rows of `x` [N, D] with `weight` and `bias` [D]: (x − mean)·w/√(var + ε) + b. */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor {
  return apply(layerNormOp, [x, weight, bias], { epsilon })[0]!;
}
