// Public names of bytes' testing entry: the laws of byte sources, a source that counts what is asked of it, and damaged
// files.
export { type ByteSourceLawOptions, byteSourceLaws } from "./byte-source-laws.ts";
export { type CountedSource, countedSource } from "./counted-source.ts";
export { type MutationOptions, mutatedBytes } from "./mutated-bytes.ts";
