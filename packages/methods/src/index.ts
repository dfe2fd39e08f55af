// Public names of methods.
export { type ArgsPolicyOptions, createArgsPolicy } from "./args/args-policy.ts";
export { type BasePolicyOptions, createBasePolicy } from "./base/base-policy.ts";
export { type BestOfNOptions, createBestOfN, type ScoredText } from "./best-of-n/best-of-n.ts";
export { type BradleyTerryOptions, bradleyTerryRecipe } from "./bradley-terry/recipe.ts";
export { type CardsOptions, createCards } from "./cards/cards-generator.ts";
export { type DpoOptions, dpoRecipe } from "./dpo/recipe.ts";
export { createDualHeadPolicy, type DualHeadPolicyOptions } from "./dual-head/dual-head-policy.ts";
export { type PolicyHead, policyHead, type TrainedHead } from "./dual-head/policy-head.ts";
export { createGenArmPolicy, type RewardPolicy } from "./genarm/genarm-policy.ts";
export { type GenArmOptions, genArmRecipe } from "./genarm/recipe.ts";
export { createModPolicy, type ObjectivePolicy } from "./mod/mod-policy.ts";
export { createMultiObjectivePolicy, type MultiObjectivePolicy } from "./multi-objective/multi-objective-policy.ts";
export { PolicyError } from "./policy/errors.ts";
export { createProxyTuningPolicy, type ProxyTuningModels } from "./proxy-tuning/proxy-tuning-policy.ts";
export { type SimpoOptions, simpoRecipe } from "./simpo/recipe.ts";
export { type LoraRecipe, recipeSettings, type TrainedPart, type TrainingRecipe } from "./training/recipe.ts";
