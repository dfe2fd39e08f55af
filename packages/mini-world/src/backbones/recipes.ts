// The backbones of the world as data: shape, budget and rate of each. Knows no device and no file.
import { type LlamaConfig, llamaConfigFrom } from "@dual-head/backbone-llama";
import type { PretrainSettings } from "@dual-head/train";

/** The names of the backbones, small to large; `mistral-s` is as large as `s`, with a sliding window. */
export type BackboneName = "s" | "m" | "l" | "mistral-s";

/** What makes a backbone, beside the corpus. */
export interface BackboneRecipe {
  readonly hiddenSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly groupCount: number;
  readonly feedForwardSize: number;
  /** Keys a token sees, null for all. */
  readonly window: number | null;
  /** Tokens it is trained on. */
  readonly tokenBudget: number;
  readonly learningRate: number;
  /**
   * What the final norm is multiplied by when a model is written. The softmax of so small a model leaves some thousandths
   * of its mass on words that cannot come, and at temperature 1 every tenth answer meets one.
   */
  readonly sharpness: number;
}

/** Those that come with the package. */
export const shippedNames: readonly BackboneName[] = ["s", "m", "l", "mistral-s"];

/** Tokens of the world's vocabulary. */
export const vocabSize = 2048;
/** Positions of every backbone. */
export const maxTokens = 256;
/** The seed of corpus and weights. */
export const worldSeed = 1;

/** Every recipe. */
export const recipes: Readonly<Record<BackboneName, BackboneRecipe>> = {
  s: {
    hiddenSize: 64,
    layerCount: 4,
    headCount: 4,
    groupCount: 2,
    feedForwardSize: 176,
    window: null,
    tokenBudget: 5_000_000,
    learningRate: 4e-3,
    sharpness: 1.45,
  },
  m: {
    hiddenSize: 128,
    layerCount: 4,
    headCount: 4,
    groupCount: 2,
    feedForwardSize: 352,
    window: null,
    tokenBudget: 8_000_000,
    learningRate: 3e-3,
    sharpness: 1.18,
  },
  l: {
    hiddenSize: 192,
    layerCount: 6,
    headCount: 6,
    groupCount: 3,
    feedForwardSize: 512,
    window: null,
    tokenBudget: 10_000_000,
    learningRate: 2e-3,
    sharpness: 1.18,
  },
  "mistral-s": {
    hiddenSize: 64,
    layerCount: 4,
    headCount: 4,
    groupCount: 2,
    feedForwardSize: 176,
    window: 64,
    tokenBudget: 5_000_000,
    learningRate: 4e-3,
    sharpness: 1.45,
  },
};

/** The model of a recipe. */
export function configOf(name: BackboneName): LlamaConfig {
  const { hiddenSize, layerCount, headCount, groupCount, feedForwardSize, window } = recipes[name];
  return llamaConfigFrom({
    model_type: window === null ? "llama" : "mistral",
    hidden_size: hiddenSize,
    intermediate_size: feedForwardSize,
    num_hidden_layers: layerCount,
    num_attention_heads: headCount,
    num_key_value_heads: groupCount,
    vocab_size: vocabSize,
    max_position_embeddings: maxTokens,
    rms_norm_eps: 1e-5,
    rope_theta: 10_000,
    tie_word_embeddings: true,
    ...(window === null ? {} : { sliding_window: window }),
  });
}

/**
 * The settings of its training; a budget replaces the recipe's. Steps are small and many: of equal budgets, four times the
 * steps of a quarter of the tokens learn more.
 */
export function settingsOf(
  name: BackboneName,
  tokenBudget: number = recipes[name].tokenBudget,
): Partial<PretrainSettings> {
  const { learningRate } = recipes[name];
  return {
    tokenBudget,
    batchTokens: 1024,
    maxTokens,
    learningRate,
    beta2: 0.99,
    weightDecay: 0.05,
    heldOutCount: 400,
    seed: worldSeed,
  };
}
