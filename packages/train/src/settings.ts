// Everything that decides the numbers of a training run, with defaults and checks; knows no files and no device.
import type { GateConfig, MixingMode } from "@dual-head/gating";
import type { HeadConfig } from "@dual-head/heads";
import type { EntropySign, LanguageModelReduction } from "@dual-head/losses";
import { checkSettings, optimiserRules, refuseSetting, rules, withoutUndefined } from "./run/check-settings.ts";

/** Settings of a run; two runs with equal settings, data, backbone, device and kernel variant give equal bits. */
export interface TrainingSettings {
  readonly epochs: number;
  /** Pairs per optimiser step (the paper: 64); memory is bounded by `microBatchTokens` instead. */
  readonly batchSize: number;
  /** Peak rate of AdamW, or null for {@link defaultLearningRate} of the backbone's hidden size. */
  readonly learningRate: number | null;
  /** Share of the steps in which the rate climbs. */
  readonly warmupFraction: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Largest global norm of the gradient. */
  readonly clipNorm: number;
  /** λ_R of E13. */
  readonly lambdaReward: number;
  /**
   * λ_G of E9. The paper's .01 is weak: it bounds |logit α| by c/λ_G, c being the slope of the loss in α; keeping α
   * inside [.05, .95] takes .34·c.
   */
  readonly lambdaGate: number;
  /** β_r of E12. */
  readonly betaReward: number;
  readonly entropySign: EntropySign;
  /**
   * What E12 scores: the reward head alone (the paper; the gate then learns from E10 and E9 only), the fusion, or the
   * fusion over the base model, log π − log π_LM, whose margins are those of DPO with the base model as reference.
   */
  readonly preferenceOn: "reward" | "fused" | "fused-over-base";
  /** How E10 is reduced. */
  readonly reduction: LanguageModelReduction;
  /** How reward head and language-model head are fused in E10. */
  readonly mixing: MixingMode;
  /** Whether hidden states are stored on disk once, or computed for each batch anew. */
  readonly features: "cache" | "recompute";
  /** Share of the pairs, by prompt, never trained on; at most 2000 pairs. */
  readonly heldOut: number;
  /** Rows of hidden states on the device at once; a larger example is taken alone. */
  readonly microBatchTokens: number;
  /** Longest sequence, or null for the backbone's own limit. */
  readonly maxTokens: number | null;
  readonly seed: number;
}

/**
 * The defaults: the paper's, where it names them.
 *
 * The paper names no number of epochs. One pass over some thousand pairs is about sixty steps, whose losses differ more
 * by their pairs than by what was learnt; after three the fall of the loss stands out of that noise.
 * Weight decay is 0, since it would pull the head towards zero instead of its start, the language-model head.
 */
export const defaultSettings: TrainingSettings = {
  epochs: 3,
  batchSize: 64,
  learningRate: null,
  warmupFraction: 0.05,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
  clipNorm: 1,
  lambdaReward: 1,
  lambdaGate: 0.01,
  betaReward: 0.05,
  entropySign: "corrected",
  preferenceOn: "reward",
  reduction: "token-mean",
  mixing: "convex",
  features: "cache",
  heldOut: 0.1,
  microBatchTokens: 8192,
  maxTokens: null,
  seed: 0,
};

/**
 * The peak rate by default: the paper's 5e-5 at its hidden size of 4096, in inverse proportion to the hidden size.
 *
 * A step of AdamW moves every weight by about the rate, and so a logit by the rate times Σ|h|, which grows with the
 * hidden size: this rate moves logits equally at every size. At a hidden size of 64 it is 3.2e-3. Measured there, on
 * 3,982 pairs of HH-RLHF in one epoch of 63 steps: at 5e-5 the loss stands still; from the first tenth of
 * steps to the last it falls by 3 % at 1e-3, 7 % at this rate, 9 % at 5e-3 and 13 % at 2e-2.
 */
export function defaultLearningRate(hiddenSize: number): number {
  return (5e-5 * 4096) / hiddenSize;
}

/**
 * The gate of this hidden size by default: 8 heads and, in proportion, the width of 320 that gives the paper's 5M
 * parameters at a hidden size of 4096; at least 4 numbers a head.
 */
export function defaultGate(hiddenSize: number): GateConfig & { readonly kind: "attention" } {
  const headCount = 8;
  const headSize = Math.max(4, Math.round((hiddenSize * 320) / 4096 / headCount));
  return { kind: "attention", hiddenSize, width: headCount * headSize, headCount, initialAlpha: 0.5 };
}

/** The head by default: the paper's matrix and bias, started from the language-model head. */
export const defaultHead: HeadConfig = { kind: "linear", initialise: "base", bias: true };

const numberRules = {
  ...optimiserRules,
  epochs: rules.positiveInteger,
  batchSize: rules.positiveInteger,
  microBatchTokens: rules.positiveInteger,
  betaReward: rules.aboveZero,
  lambdaReward: rules.atLeastZero,
  lambdaGate: rules.atLeastZero,
  heldOut: rules.belowOne,
};

const choices: Readonly<Partial<Record<keyof TrainingSettings, readonly string[]>>> = {
  entropySign: ["corrected", "printed"],
  preferenceOn: ["reward", "fused", "fused-over-base"],
  reduction: ["token-mean", "printed"],
  mixing: ["convex", "klExact", "additive", "mixture"],
  features: ["cache", "recompute"],
};

/**
 * Settings with defaults for what is not given.
 *
 * @throws TrainingError that names the first setting that cannot be
 */
export function completeSettings(given: Partial<TrainingSettings>): TrainingSettings {
  const settings = { ...defaultSettings, ...withoutUndefined(given) };
  checkSettings("train", { ...settings }, numberRules);
  if (settings.learningRate !== null) checkSettings("train", { ...settings }, { learningRate: rules.aboveZero });
  for (const [name, allowed] of Object.entries(choices)) {
    const value = settings[name as keyof TrainingSettings] as string;
    if (!allowed.includes(value)) refuseSetting("train", name, value, allowed.join(" or "));
  }
  if (settings.maxTokens !== null && !(Number.isSafeInteger(settings.maxTokens) && settings.maxTokens > 1)) {
    refuseSetting("train", "maxTokens", settings.maxTokens, "an integer above 1");
  }
  return settings;
}
