// Public names of bytes' testing entry: the laws of byte sources, damaged files, and what is asked of sources and memory.
export { type Allocations, createAllocationRecord, measureAllocations } from "./allocations.ts";
export { type ByteSourceLawOptions, byteSourceLaws } from "./byte-source-laws.ts";
export { type CountedSource, countedSource } from "./counted-source.ts";
export { type MutationOptions, mutatedBytes } from "./mutated-bytes.ts";
