// Public names of @dual-head/theorems.
export {
  type BackboneShape,
  backboneCacheNumbers,
  backboneParameters,
  type CacheNumbers,
  gateCacheNumbers,
  type HeadExtents,
  llamaShapes,
  type ParameterCounts,
  parameterCounts,
  parameterReduction,
  type TokenOperations,
  tokenOperations,
} from "./counts.ts";
export { type EntropySlope, gateEntropySlope } from "./entropy-slope.ts";
export {
  klDivergence,
  logSumExp,
  type NextTokenValues,
  type ResponseSpace,
  responsesOf,
  sumOverTokens,
  targetPolicy,
  tokenWisePolicy,
} from "./target-policy.ts";
