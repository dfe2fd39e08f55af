// Public names of @dual-head/heads.
export { type BlockHeadOptions, type BlockHeadParams, blockHead } from "./block-head.ts";
export { createHead } from "./create-head.ts";
export { ofFeatures } from "./encoding.ts";
export { foldConstant } from "./fold.ts";
export { type LinearHeadOptions, type LinearHeadParams, linearHead } from "./linear-head.ts";
export { type LowRankHeadOptions, type LowRankHeadParams, lowRankHead } from "./low-rank-head.ts";
export { type ResidualHeadOptions, type ResidualHeadParams, residualHead } from "./residual-head.ts";
export { type HeadConfig, HeadError, type HeadParams, type RewardHead } from "./reward-head.ts";
