// Public names of methods.
export { type BasePolicyOptions, createBasePolicy } from "./base/base-policy.ts";
export { createDualHeadPolicy, type DualHeadPolicyOptions, type PolicyHead } from "./dual-head/dual-head-policy.ts";
export { PolicyError } from "./policy/errors.ts";
