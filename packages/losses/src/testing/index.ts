// Laws of losses for any implementation, and what they are made of: agreement with a scalar reference, and gradients
// against finite differences in float64.
export { type Losses, lossLaws } from "./loss-laws.ts";
export { type PairLosses, pairLossLaws } from "./pair-loss-laws.ts";
export { checkScalarGradient, type ScalarLoss } from "./scalar-gradient.ts";
