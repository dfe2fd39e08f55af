// Cross-entropy of projected features: the vocabulary is walked in chunks, forwards and backwards. The gradient finds the
// log-normaliser of each row and, within a budget, logits; others are computed again. Knows no gate: features come scaled.
import { tapesWatching } from "../../autodiff/tape.ts";
import type { Device } from "../../device.ts";
import { apply } from "../../dispatch.ts";
import { ShapeError } from "../../errors.ts";
import { byteLengthOf } from "../../spec.ts";
import { handleOf, type Storage, type Tensor } from "../../tensor.ts";
import { checkFloats, checkIndices, checkShape } from "../check.ts";
import { defineOp, type OpDefinition } from "../op.ts";
import { checkTerms, type Term, termInputs } from "../project/op.ts";
import { cpuLinearCrossEntropy, cpuLinearCrossEntropyGrad, tokenChunk } from "./cpu.ts";
import { wgslLinearCrossEntropy, wgslLinearCrossEntropyGrad } from "./wgsl.ts";

/** Attributes of the loss. */
export interface LinearCrossEntropyAttrs {
  /** Leading tokens whose logits are an output, for the gradient: all V, or whole chunks. */
  readonly saved: number;
}

// With z = Σⱼ Xⱼ Wⱼᵀ: nats_n = logsumexp_v(z_nv) − z_n,target.
/** Inputs targets [N] u32, X₀, W₀, X₁, W₁, …; outputs nats [N], the log-normaliser [N] and logits z [N, saved]. */
export const linearCrossEntropyOp: OpDefinition<LinearCrossEntropyAttrs> = defineOp({
  name: "linearCrossEntropy",
  infer(inputs, { saved }) {
    const { rowCount, vocabSize, dtype } = checkTerms("linearCrossEntropy", inputs, 1);
    checkIndices("linearCrossEntropy", "targets", inputs[0]!, [rowCount]);
    checkSaved("linearCrossEntropy", saved, vocabSize);
    return [
      { shape: [rowCount], dtype },
      { shape: [rowCount], dtype },
      { shape: [rowCount, saved], dtype },
    ];
  },
  reference({ inputs, outputs, attrs: { saved } }) {
    const rowCount = outputs[0]!.shape[0]!;
    for (let row = 0; row < rowCount; row++) {
      const logits = rowLogits(inputs.slice(1), row);
      const highest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
      const logNormaliser = highest + Math.log(logits.reduce((sum, z) => sum + Math.exp(z - highest), 0));
      outputs[0]!.data[row] = logNormaliser - logits[inputs[0]!.data[row]!]!;
      outputs[1]!.data[row] = logNormaliser;
      outputs[2]!.data.set(logits.subarray(0, saved), row * saved);
    }
  },
  cpu: cpuLinearCrossEntropy,
  wgsl: wgslLinearCrossEntropy,
  vjp: ({ inputs, outputs, needs }, [g]) => {
    const wanted = inputs.map((_, index) => index > 0 && needs[index]!);
    const [, logNormaliser, savedLogits] = outputs;
    const gradients = apply(linearCrossEntropyGradOp, [g!, logNormaliser!, savedLogits!, ...inputs], {
      needs: wanted.slice(1),
    });
    let next = 0;
    return wanted.map((want) => (want ? gradients[next++]! : null));
  },
});

/** Attributes of the gradient: for X₀, W₀, X₁, …, whether its gradient is an output. */
export interface LinearCrossEntropyGradAttrs {
  readonly needs: readonly boolean[];
}

// dz_nv = g_n·(exp(z_nv − lse_n) − [v = target_n]); dXⱼ = dz·Wⱼ, dWⱼ = dzᵀ·Xⱼ.
/**
 * Inputs g [N], log-normaliser [N], logits of the leading tokens [N, saved], targets [N], X₀, W₀, …; outputs the wanted
 * gradients in the order of the inputs.
 */
export const linearCrossEntropyGradOp: OpDefinition<LinearCrossEntropyGradAttrs> = defineOp({
  name: "linearCrossEntropyGrad",
  infer(inputs, { needs }) {
    const { rowCount, vocabSize, dtype } = checkTerms("linearCrossEntropyGrad", inputs, 4);
    const [g, logNormaliser, savedLogits, targets, ...terms] = inputs;
    checkShape("linearCrossEntropyGrad", "g", g!, [rowCount]);
    checkShape("linearCrossEntropyGrad", "log-normaliser", logNormaliser!, [rowCount]);
    checkShape("linearCrossEntropyGrad", "saved logits", savedLogits!, [rowCount, -1]);
    checkSaved("linearCrossEntropyGrad", savedLogits!.shape[1]!, vocabSize);
    checkIndices("linearCrossEntropyGrad", "targets", targets!, [rowCount]);
    checkFloats("linearCrossEntropyGrad", [terms[0]!, g!, logNormaliser!, savedLogits!]);
    return terms.filter((_, index) => needs[index]).map(({ shape }) => ({ shape, dtype }));
  },
  reference({ inputs, outputs, attrs: { needs } }) {
    const [g, logNormaliser, savedLogits, targets, ...terms] = inputs;
    const rowCount = terms[0]!.shape[0]!;
    const saved = savedLogits!.shape[1]!;
    const sums = outputs.map((output) => new Float64Array(output.data.length));
    for (let row = 0; row < rowCount; row++) {
      const logits = rowLogits(terms, row);
      for (let token = 0; token < saved; token++) logits[token] = savedLogits!.data[row * saved + token]!;
      const dLogits = logits.map((z) => Math.exp(z - logNormaliser!.data[row]!));
      const target = targets!.data[row]!;
      dLogits[target] = dLogits[target]! - 1;
      let next = 0;
      for (const [index, term] of terms.entries()) {
        if (!needs[index]) continue;
        const sum = sums[next++]!;
        const width = term.shape[1]!;
        const other = terms[index % 2 === 0 ? index + 1 : index - 1]!.data;
        for (const [token, dLogit] of dLogits.entries()) {
          const weight = dLogit * g!.data[row]!;
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

function checkSaved(op: string, saved: number, vocabSize: number): void {
  if (saved === vocabSize || (saved >= 0 && saved < vocabSize && saved % tokenChunk === 0)) return;
  const expected = `${vocabSize}, or a multiple of ${tokenChunk} below`;
  throw new ShapeError({ op, label: "the number of tokens with saved logits", expected, actual: saved });
}

/**
 * Nats of each target under softmax(Σⱼ featuresⱼ·weightⱼᵀ), [N], in memory that is bounded whatever N and V.
 *
 * Differentiable in features and weights. Where a tape watches them, logits are saved until the gradient is known, on a
 * device within `savedBytes` of its limits for all calls together; what has no room is computed again, to the same bits.
 * `targets` [N] u32 below V. Its negative is the score of given tokens.
 */
export function linearCrossEntropy(terms: readonly Term[], targets: Tensor): Tensor {
  const inputs = termInputs(terms);
  const saved = tokensToSave(inputs);
  const [nats, logNormaliser, savedLogits] = apply(linearCrossEntropyOp, [targets, ...inputs], { saved });
  if (saved > 0) waitingOn(nats!.device).push(handleOf(savedLogits!).storage);
  // A tape has handles of its own.
  for (const tensor of [logNormaliser!, savedLogits!]) tensor.dispose();
  return nats!;
}

// Saved logits by device, while they wait for their gradient.
const waiting = new WeakMap<Device, Storage[]>();

function waitingOn(device: Device): Storage[] {
  const storages = (waiting.get(device) ?? []).filter(({ holders }) => holders > 0);
  waiting.set(device, storages);
  return storages;
}

/** How many tokens' logits to save: none where nobody will ask for a gradient, else what the device has room for. */
function tokensToSave(inputs: readonly Tensor[]): number {
  const [features, weight] = inputs;
  if (features === undefined || weight === undefined || tapesWatching(inputs.map(handleOf)).length === 0) return 0;
  const { device, dtype } = features;
  const [rowCount, vocabSize] = [features.shape[0]!, weight.shape[0]!];
  const taken = waitingOn(device).reduce((sum, { byteLength }) => sum + byteLength, 0);
  const room = (device.info.limits.savedBytes ?? 0) - taken;
  const tokens = Math.max(0, Math.floor(room / Math.max(1, byteLengthOf({ shape: [rowCount], dtype }))));
  return tokens < vocabSize ? Math.floor(tokens / tokenChunk) * tokenChunk : vocabSize;
}
