// Public names of @dual-head/losses.
export { type BradleyTerryLossOptions, bradleyTerryLoss } from "./bradley-terry.ts";
export { type DpoLossOptions, dpoLoss } from "./dpo.ts";
export {
  type EntropySign,
  type GateEntropyLoss,
  type GateEntropyLossOptions,
  gateEntropyLoss,
} from "./gate-entropy.ts";
export { type LanguageModelLossOptions, type LanguageModelReduction, languageModelLoss } from "./lm.ts";
export { EmptyBatchError } from "./mask.ts";
export type { PairCounts } from "./pairs.ts";
export { type PreferenceLoss, type PreferenceLossOptions, preferenceLoss, trajectoryRewards } from "./preference.ts";
export { type SimpoLossOptions, simpoLoss } from "./simpo.ts";
export { type LossTerms, totalLoss } from "./total.ts";
