// Public names of @dual-head/gating.
export {
  type AttentionGateOptions,
  type AttentionGateParams,
  attentionGate,
  type FoldedAttentionGate,
} from "./attention-gate.ts";
export { type ConstantGateOptions, type ConstantGateParams, constantGate } from "./constant-gate.ts";
export {
  checkGateMode,
  checkRowControls,
  createControls,
  type MixingControls,
  type MixingMode,
  mixingModes,
  type RowControls,
} from "./controls.ts";
export { createGate } from "./create-gate.ts";
export {
  type Gate,
  type GateConfig,
  type GateHistory,
  type GateParams,
  GatingError,
  gateReader,
} from "./gate.ts";
export {
  effectiveAlpha,
  type MixingCoefficients,
  mixedLogits,
  mixedNats,
  mixedTopK,
  mixingCoefficients,
  mixtureLogits,
} from "./mixing.ts";
export { multiHeadAttention, printedGateLogits } from "./multi-head-attention.ts";
