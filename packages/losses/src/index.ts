// Public names of @dual-head/losses.
export {
  type EntropySign,
  type GateEntropyLoss,
  type GateEntropyLossOptions,
  gateEntropyLoss,
} from "./gate-entropy.ts";
export { type LanguageModelLossOptions, type LanguageModelReduction, languageModelLoss } from "./lm.ts";
export { EmptyBatchError } from "./mask.ts";
export { type PreferenceLoss, type PreferenceLossOptions, preferenceLoss, trajectoryRewards } from "./preference.ts";
export { type LossTerms, totalLoss } from "./total.ts";
