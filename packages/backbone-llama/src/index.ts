// Public names of backbone-llama.
export {
  ConfigError,
  type GenerationConfig,
  generationConfigFrom,
  type LoadProgress,
  type WeightDtype,
  weightDtypes,
} from "@dual-head/backbone";
export { type ArchitectureRow, architectures, type LlamaArchitecture, type WindowRule } from "./architectures.ts";
export { type LlamaConfig, llamaConfigFrom } from "./config.ts";
export { type GgufArchitecture, ggufArchitectures } from "./gguf-architectures.ts";
export { initialiseLlama } from "./initialise-llama.ts";
export { createLlama } from "./llama.ts";
export { type LoadedLlamaClassifier, loadLlamaClassifier } from "./load-classifier.ts";
export {
  type LoadedLlama,
  type LoadLlamaOptions,
  loadLlama,
} from "./load-llama.ts";
export {
  attachDeltas,
  type DeltaOptions,
  type DeltaTarget,
  deltaTargets,
  initialiseDeltas,
  type LlamaDeltas,
  loadDeltas,
  scaleDeltas,
} from "./low-rank.ts";
export { type ModelFiles, type OpenModelOptions, openModelFiles } from "./model-files.ts";
export {
  createLlamaTree,
  type Linear,
  type LlamaLayer,
  type LlamaParams,
  type LlamaTree,
  type LowRankDelta,
  storedShape,
  type WeightName,
  weightBytes,
  weightNames,
} from "./params.ts";
export { type RopeConfig, ropeAngles, ropeFrequencies } from "./rope.ts";
export { ropeDivisors } from "./rope-divisors.ts";
export { exactPositions, type RopeScaling } from "./rope-scaling.ts";
export { type SavedClassifier, saveLlamaClassifier } from "./save-classifier.ts";
export { adapterFiles, type SaveDeltasOptions, saveDeltas } from "./save-deltas.ts";
export { llamaConfigJson, type SavedDtype, type SaveLlamaOptions, saveLlama } from "./save-llama.ts";
