// Public names of @dual-head/checkpoint.
export { type Checkpoint, checkTensor } from "./checkpoint.ts";
export type { StoredArray, StoredDtype } from "./dtype.ts";
export { CheckpointError, type CheckpointFacts, SafetensorsError, type SafetensorsRule } from "./errors.ts";
export { type GgufDtype, type GgufEncoding, ggufEncodings } from "./gguf/blocks.ts";
export { type GgufTensor, type GgufValue, writeGguf } from "./gguf/write.ts";
export { openCheckpoint, openSafetensors } from "./open-checkpoint.ts";
export {
  parseSafetensorsHeader,
  type SafetensorsHeader,
  type TensorEntry,
  type TensorInfo,
} from "./safetensors-header.ts";
export { encodeSafetensors, type StoredTensor, writeSafetensors } from "./safetensors-write.ts";
