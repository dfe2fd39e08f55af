// Laws, generators and comparisons for tests of tensors, of ops and of what is built on them.
export { checkClose, worstDifference } from "./approx.ts";
export { extent, floats, indices, positives } from "./arbitraries.ts";
export { type CausalReaderCase, causalReaderLaws } from "./causal-reader-laws.ts";
export { sharedDevice, testDeviceNames } from "./devices.ts";
export { type OpCase, type OpInput, type OpLawOptions, opLaws } from "./op-laws.ts";
