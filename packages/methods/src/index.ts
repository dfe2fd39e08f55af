// Public names of methods.
export { type ArgsPolicyOptions, createArgsPolicy } from "./args/args-policy.ts";
export { type BasePolicyOptions, createBasePolicy } from "./base/base-policy.ts";
export { type BestOfNOptions, createBestOfN, type ScoredText } from "./best-of-n/best-of-n.ts";
export { type CardsOptions, createCards } from "./cards/cards-generator.ts";
export { createDualHeadPolicy, type DualHeadPolicyOptions, type PolicyHead } from "./dual-head/dual-head-policy.ts";
export { createGenArmPolicy, type RewardPolicy } from "./genarm/genarm-policy.ts";
export { createModPolicy, type ObjectivePolicy } from "./mod/mod-policy.ts";
export { createMultiObjectivePolicy, type MultiObjectivePolicy } from "./multi-objective/multi-objective-policy.ts";
export { PolicyError } from "./policy/errors.ts";
export { createProxyTuningPolicy, type ProxyTuningModels } from "./proxy-tuning/proxy-tuning-policy.ts";
