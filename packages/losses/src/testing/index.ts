// Tools for testing losses: agreement with a scalar reference, and gradients against finite differences in float64.
export { checkScalarGradient, type ScalarLoss } from "./scalar-gradient.ts";
