// Laws of reward heads: what any implementation of the contract must keep, on every device.
export { type RewardHeadLawOptions, rewardHeadLaws } from "./reward-head-laws.ts";
