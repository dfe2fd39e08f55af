// Cross-entropy of projected features without ever holding [N, V]: the vocabulary is walked in chunks, forwards and
// backwards, keeping only the log-normaliser of each row. Knows no gate: features come scaled by their coefficients.
import { apply } from "../../dispatch.ts";
import type { Tensor } from "../../tensor.ts";
import { checkFloats, checkIndices, checkShape } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { checkTerms, type Term, termInputs } from "../project/op.ts";
import { cpuLinearCrossEntropy, cpuLinearCrossEntropyGrad } from "./cpu.ts";
import { wgslLinearCrossEntropy, wgslLinearCrossEntropyGrad } from "./wgsl.ts";

// With z = Σⱼ Xⱼ Wⱼᵀ: nats_n = logsumexp_v(z_nv) − z_n,target.
/** Inputs targets [N] u32, X₀, W₀, X₁, W₁, …; outputs nats [N] and the log-normaliser [N]. */
export const linearCrossEntropyOp: OpDefinition<Record<string, never>> = defineOp({
  name: "linearCrossEntropy",
  infer(inputs) {
    const { rowCount, dtype } = checkTerms("linearCrossEntropy", inputs, 1);
    checkIndices("linearCrossEntropy", "targets", inputs[0]!, [rowCount]);
    return [
      { shape: [rowCount], dtype },
      { shape: [rowCount], dtype },
    ];
  },
  reference({ inputs, outputs }) {
    const rowCount = outputs[0]!.shape[0]!;
    for (let row = 0; row < rowCount; row++) {
      const logits = rowLogits(inputs.slice(1), row);
      const highest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
      const logNormaliser = highest + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - highest), 0));
      outputs[0]!.data[row] = logNormaliser - logits[inputs[0]!.data[row]!]!;
      outputs[1]!.data[row] = logNormaliser;
    }
  },
  cpu: cpuLinearCrossEntropy,
  wgsl: wgslLinearCrossEntropy,
  vjp: ({ inputs, outputs, needs }, [g]) => {
    const wanted = inputs.map((_, index) => index > 0 && needs[index]!);
    const gradients = apply(linearCrossEntropyGradOp, [g!, outputs[1]!, ...inputs], { needs: wanted.slice(1) });
    let next = 0;
    return wanted.map((want) => (want ? gradients[next++]! : null));
  },
});

/** Attributes of the gradient: for X₀, W₀, X₁, …, whether its gradient is an output. */
export interface LinearCrossEntropyGradAttrs {
  readonly needs: readonly boolean[];
}

// dz_nv = g_n·(exp(z_nv − lse_n) − [v = target_n]); dXⱼ = dz·Wⱼ, dWⱼ = dzᵀ·Xⱼ.
/** Inputs g [N], log-normaliser [N], targets [N], X₀, W₀, …; outputs the wanted gradients in the order of the inputs. */
export const linearCrossEntropyGradOp: OpDefinition<LinearCrossEntropyGradAttrs> = defineOp({
  name: "linearCrossEntropyGrad",
  infer(inputs, { needs }) {
    const { rowCount, dtype } = checkTerms("linearCrossEntropyGrad", inputs, 3);
    checkShape("linearCrossEntropyGrad", "g", inputs[0]!, [rowCount]);
    checkIndices("linearCrossEntropyGrad", "targets", inputs[2]!, [rowCount]);
    const terms = inputs.slice(3);
    checkFloats("linearCrossEntropyGrad", [terms[0]!, inputs[0]!, inputs[1]!]);
    return terms.filter((_, index) => needs[index]).map(({ shape }) => ({ shape, dtype }));
  },
  reference({ inputs, outputs, attrs: { needs } }) {
    const terms = inputs.slice(3);
    const rowCount = terms[0]!.shape[0]!;
    const sums = outputs.map((output) => new Float64Array(output.data.length));
    for (let row = 0; row < rowCount; row++) {
      const dLogits = rowLogits(terms, row).map((z) => Math.exp(z - inputs[1]!.data[row]!));
      const target = inputs[2]!.data[row]!;
      dLogits[target] = dLogits[target]! - 1;
      let next = 0;
      for (const [index, term] of terms.entries()) {
        if (!needs[index]) continue;
        const sum = sums[next++]!;
        const width = term.shape[1]!;
        const other = terms[index % 2 === 0 ? index + 1 : index - 1]!.data;
        for (const [token, dLogit] of dLogits.entries()) {
          const weight = dLogit * inputs[0]!.data[row]!;
          for (let k = 0; k < width; k++) {
            const [to, from] =
              index % 2 === 0 ? [row * width + k, token * width + k] : [token * width + k, row * width + k];
            sum[to] = sum[to]! + weight * other[from]!;
          }
        }
      }
    }
    for (const [index, output] of outputs.entries()) output.data.set(sums[index]!);
  },
  cpu: cpuLinearCrossEntropyGrad,
  wgsl: wgslLinearCrossEntropyGrad,
  vjp: "nondifferentiable",
});

function rowLogits(
  terms: readonly { readonly shape: readonly number[]; readonly data: ArrayLike<number> }[],
  row: number,
): Float64Array {
  const logits = new Float64Array(terms[1]!.shape[0]!);
  for (let term = 0; term < terms.length; term += 2) {
    const size = terms[term]!.shape[1]!;
    const features = terms[term]!.data;
    const weight = terms[term + 1]!.data;
    for (let token = 0; token < logits.length; token++) {
      let dot = 0;
      for (let k = 0; k < size; k++) dot += features[row * size + k]! * weight[token * size + k]!;
      logits[token] = logits[token]! + dot;
    }
  }
  return logits;
}

/**
 * Nats of each target under softmax(Σⱼ featuresⱼ·weightⱼᵀ), [N], in memory that does not grow with N·V.
 * Differentiable in features and weights; `targets` [N] u32 below V. Its negative is the score of given tokens.
 */
export function linearCrossEntropy(terms: readonly Term[], targets: Tensor): Tensor {
  return apply(linearCrossEntropyOp, [targets, ...termInputs(terms)], {})[0]!;
}
