// Laws of gates and tools for testing what is mixed: for any implementation of the contract, on every device.
export { type GateCase, type GateLawOptions, gateLaws } from "./gate-laws.ts";
export {
  type MixingImplementation,
  type MixingInputs,
  type MixingLawOptions,
  mixingLaws,
} from "./mixing-laws.ts";
export { randomGateParams, randomTensor } from "./random-tensors.ts";
