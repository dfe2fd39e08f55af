// Public names of @dual-head/checkpoint.
export {
  type Checkpoint,
  type CheckpointFormat,
  checkTensor,
  type MetadataValue,
  type TensorSpec,
} from "./checkpoint.ts";
export type { StoredArray, StoredDtype, TensorDtype } from "./dtype.ts";
export {
  CheckpointError,
  type CheckpointFacts,
  GgufError,
  type GgufRule,
  Llama2cError,
  type Llama2cRule,
  SafetensorsError,
  type SafetensorsRule,
} from "./errors.ts";
export { findModelFormat, type ModelFormat } from "./format.ts";
export { type GgufDtype, type GgufEncoding, ggufEncodings } from "./gguf/blocks.ts";
export { type OpenBeside, openGguf } from "./gguf/open.ts";
export { type GgufType, type GgufTypeName, ggufTypes } from "./gguf/types.ts";
export { type GgufVocabulary, ggufVocabularyOf } from "./gguf/vocabulary.ts";
export { type GgufTensor, type GgufValue, writeGguf } from "./gguf/write.ts";
export { openLlama2c } from "./llama2c/open.ts";
export { type OpenCheckpointOptions, openCheckpoint } from "./open-checkpoint.ts";
export { openSafetensors } from "./open-safetensors.ts";
export { readPartBytes } from "./read-floats.ts";
export { ReadMemory } from "./read-memory.ts";
export {
  parseSafetensorsHeader,
  type SafetensorsHeader,
  type TensorEntry,
  type TensorInfo,
} from "./safetensors-header.ts";
export { type DeferredTensor, encodeSafetensors, type StoredTensor, writeSafetensors } from "./safetensors-write.ts";
export { haveSameBytes } from "./same-bytes.ts";
export { type WriteShardsOptions, writeShards } from "./write-shards.ts";
