// Public names of the sampler's testing entry: the laws of policies and schedulers, and a policy made of tables.
export { decodePolicyLaws, type LawOptions } from "./decode-policy-laws.ts";
export { schedulerLaws } from "./scheduler-laws.ts";
export { randomTable, type TableModel, type TableOptions, type TablePolicy, tablePolicy } from "./table-policy.ts";
