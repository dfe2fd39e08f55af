// Public names of @dual-head/bytes.
export {
  type BlobLike,
  blobSource,
  type DirectoryHandleLike,
  type FileHandleLike,
  openFileHandle,
  openOpfs,
} from "./browser-source.ts";
export { type ByteSource, memorySource, openFile, readChunks, withSignal } from "./byte-source.ts";
export { createDirectory, findPathKind, listDirectory, type PathKind } from "./directory.ts";
export { type FileAction, FileError, toFileError } from "./file-error.ts";
export { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "./half.ts";
export { type HttpSourceOptions, openHttp } from "./http-source.ts";
export { findJsonFault, type JsonFault, type JsonValue, parseJson, readJson } from "./json.ts";
export { PrefixHash } from "./prefix-hash.ts";
export { sha256 } from "./sha256.ts";
export { decodeText, parseGzip, readLines, readText } from "./text.ts";
export { removePartialFiles, writeFileAtomic } from "./write-file.ts";
