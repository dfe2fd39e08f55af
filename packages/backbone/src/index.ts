// Public names of backbone.
export {
  type Backbone,
  type BackboneConfig,
  checkTokens,
  createTokenBatch,
  type SlotTokens,
  type TokenBatch,
  TokenError,
} from "./backbone.ts";
export { type ClassifierLabels, classifierLabelsFrom } from "./classifier-labels.ts";
export { ConfigError } from "./config-error.ts";
export { type ConfigKeys, type ConfigOptions, checkConfigKeys } from "./config-keys.ts";
export { type Attend, createDecoder, type DecoderModel, type DecoderRun } from "./decoder.ts";
export { type GenerationConfig, generationConfigFrom } from "./generation-config.ts";
export { createKvCache, type KvCache, type KvCacheExtent, type KvCacheOptions } from "./kv-cache.ts";
export { createPrefixCache, type PrefixCache, type PrefixCacheOptions } from "./prefix-cache.ts";
export {
  createScalarReward,
  type ScalarReward,
  type ScalarRewardOptions,
  type ScoreModel,
  scoredIndex,
  textScores,
} from "./scalar-reward.ts";
export {
  type LoadOptions,
  type LoadProgress,
  type UploadedWeight,
  uploadInPlaceOrder,
  uploadWeights,
} from "./upload-weights.ts";
export { matrixDtype, type WeightDtype, weightDtypes } from "./weight-dtype.ts";
