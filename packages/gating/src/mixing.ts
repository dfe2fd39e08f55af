// Mixing of heads: from gate logits and controls to coefficients, mixed logits and nats. Differentiable in gate logits,
// hidden states and heads; knows no gate and no sampler.
import {
  add,
  affine,
  divide,
  linearCrossEntropy,
  logAddExp,
  logSoftmax,
  maximum,
  minimum,
  multiply,
  type Projection,
  project,
  projectionTerms,
  projectTopK,
  reshape,
  scaledSigmoid,
  subtract,
  type Tensor,
  type TopKResult,
  topK,
  unary,
} from "@dual-head/tensor-core";
import type { MixingControls, MixingMode } from "./controls.ts";

/** Coefficients of N rows, each [N]; `lm` is null where it is 1 everywhere. */
export interface MixingCoefficients {
  readonly lm: Tensor | null;
  readonly heads: readonly Tensor[];
  /** αᵢ of each head after strength and bounds. */
  readonly alpha: readonly Tensor[];
}

/** Where σ(u) is 1 to the last bit in single precision; e^u beyond it would only lead to infinities. */
const logitLimit = 20;

/** 1/(1−α) is bounded here where α is allowed up to 1: above e^logitLimit, so that the bound does not act itself. */
const smallestComplement = 1e-9;

/**
 * Coefficients of language-model head and reward heads: with αᵢ = clamp(σ(uᵢ + ln s), alphaMin, alphaMax),
 * `convex` and `mixture` 1−Σwᵢαᵢ and wᵢαᵢ · `additive` 1 and wᵢαᵢ · `klExact` 1 and wᵢ·αᵢ/(1−αᵢ).
 *
 * At strength 0, or α 0, the coefficient of a head is exactly 0 and that of the language-model head exactly 1. In
 * `klExact` bounds of α act on the odds, which is the same and keeps precision near α = 1; odds stay below 1e9.
 *
 * @param gateLogits u = logit α, one tensor [N] a head
 */
export function mixingCoefficients(
  mode: MixingMode,
  gateLogits: readonly Tensor[],
  { strength, alphaMin, alphaMax, weights }: MixingControls,
): MixingCoefficients {
  return strength.device.scope(() => {
    // The first operand of minimum and maximum takes the gradient of ties: α inside its bounds, not the bound.
    const clamp = (x: Tensor, low: Tensor, high: Tensor) => minimum(maximum(x, low), high);
    const alpha = gateLogits.map((u) => clamp(scaledSigmoid(u, strength), alphaMin, alphaMax));
    if (mode === "klExact") {
      const limit = filled(strength, logitLimit);
      const tiny = filled(strength, smallestComplement);
      const odds = (bound: Tensor) => divide(bound, maximum(affine(bound, -1, 1), tiny));
      const [low, high] = [odds(alphaMin), odds(alphaMax)];
      const heads = gateLogits.map((u, index) =>
        multiply(clamp(multiply(unary("exp", minimum(u, limit)), strength), low, high), weights[index]!),
      );
      return { lm: null, heads, alpha };
    }
    const heads = alpha.map((value, index) => multiply(value, weights[index]!));
    if (mode === "additive") return { lm: null, heads, alpha };
    return { lm: affine(heads.reduce(add), -1, 1), heads, alpha };
  });
}

/** Σ wᵢαᵢ, the share of all reward heads together, [N]. */
export function effectiveAlpha({ alpha }: MixingCoefficients, { weights }: MixingControls): Tensor {
  return weights[0]!.device.scope(() => alpha.map((value, index) => multiply(value, weights[index]!)).reduce(add));
}

/**
 * The fused logits z_t [N, V] of rows `hidden` [N, D]: in mode `convex` z_t = (1−α_t)·z_LM,t + α_t·z_RM,t.
 *
 * @param lm the language-model head, z_LM = W_LM·h + b_LM (E2)
 * @param heads the reward heads, in the order of the coefficients
 * @equation E4
 */
export function mixedLogits(
  mode: MixingMode,
  hidden: Tensor,
  lm: Projection,
  heads: readonly Projection[],
  coefficients: MixingCoefficients,
): Tensor {
  if (mode === "mixture") return mixtureLogits(hidden, lm, heads, coefficients);
  return hidden.device.scope(() => project(linearTerms(hidden, lm, heads, coefficients)));
}

/** The `count` largest of mixedLogits, as topK gives them; without logits in a tensor but in mode `mixture`. */
export function mixedTopK(
  mode: MixingMode,
  hidden: Tensor,
  lm: Projection,
  heads: readonly Projection[],
  coefficients: MixingCoefficients,
  count: number,
): TopKResult {
  return hidden.device.scope(() =>
    mode === "mixture"
      ? topK(mixtureLogits(hidden, lm, heads, coefficients), count)
      : projectTopK(linearTerms(hidden, lm, heads, coefficients), count),
  );
}

/**
 * Nats of given tokens under the mixture, [N], in bounded memory: −log softmax(z_t)[target].
 *
 * @param targets u32 [N]
 */
export function mixedNats(
  mode: MixingMode,
  hidden: Tensor,
  lm: Projection,
  heads: readonly Projection[],
  coefficients: MixingCoefficients,
  targets: Tensor,
): Tensor {
  return hidden.device.scope(() => {
    if (mode !== "mixture") return linearCrossEntropy(linearTerms(hidden, lm, heads, coefficients), targets);
    const nats = (projection: Projection) =>
      linearCrossEntropy(projectionTerms(hidden, [{ projection, coefficient: null }]), targets);
    return mixtureNats(nats(lm), heads.map(nats), coefficients);
  });
}

/**
 * Logits of a mixture of probabilities, z_LM + log(c₀ + Σ cᵢ·qᵢ/p): softmax of it is c₀·p + Σ cᵢ·qᵢ, [N, V].
 *
 * Written so that cᵢ = 0 gives z_LM to the last bit: the floored logarithm of 0 is finite and its exponential is 0.
 * The paper prints its policy classes in this form (with constant α E14, with a gate E15) and its fusion (E4) in the
 * other; they differ once V > 2.
 *
 * @equation E15
 */
export function mixtureLogits(
  hidden: Tensor,
  lm: Projection,
  heads: readonly Projection[],
  coefficients: MixingCoefficients,
): Tensor {
  return hidden.device.scope(() => {
    const logits = (projection: Projection) => project(projectionTerms(hidden, [{ projection, coefficient: null }]));
    const logWeight = (coefficient: Tensor) => reshape(unary("flooredLog", coefficient), [hidden.shape[0]!, 1]);
    const lmLogits = logits(lm);
    const logBase = logSoftmax(lmLogits);
    let sum = logWeight(lmCoefficient(coefficients));
    for (const [index, head] of heads.entries()) {
      const ratio = subtract(logSoftmax(logits(head)), logBase);
      sum = logAddExp(sum, add(ratio, logWeight(coefficients.heads[index]!)));
    }
    return add(lmLogits, sum);
  });
}

/**
 * Nats of tokens under a mixture of probabilities from their nats under each head: −log(c₀·e^−n₀ + Σ cᵢ·e^−nᵢ), [N].
 *
 * @param lmNats nats under the language-model head, [N]
 * @param headNats nats under each reward head, [N] each
 */
export function mixtureNats(lmNats: Tensor, headNats: readonly Tensor[], coefficients: MixingCoefficients): Tensor {
  return lmNats.device.scope(() => {
    const logp = (coefficient: Tensor, nats: Tensor) => subtract(unary("flooredLog", coefficient), nats);
    const sum = headNats.reduce(
      (held, nats, index) => logAddExp(held, logp(coefficients.heads[index]!, nats)),
      logp(lmCoefficient(coefficients), lmNats),
    );
    return affine(sum, -1, 0);
  });
}

/** The terms of a mixture of logits, for `project`, `projectTopK` and `linearCrossEntropy`. */
function linearTerms(
  hidden: Tensor,
  lm: Projection,
  heads: readonly Projection[],
  coefficients: MixingCoefficients,
): ReturnType<typeof projectionTerms> {
  return projectionTerms(hidden, [
    { projection: lm, coefficient: coefficients.lm },
    ...heads.map((projection, index) => ({ projection, coefficient: coefficients.heads[index]! })),
  ]);
}

function lmCoefficient({ lm, heads }: MixingCoefficients): Tensor {
  return lm ?? filled(heads[0]!, 1);
}

function filled(like: Tensor, value: number): Tensor {
  return like.device.tensor(new Array<number>(like.shape[0]!).fill(value), like.shape);
}
