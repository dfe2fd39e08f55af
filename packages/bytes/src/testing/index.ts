// Public names of bytes' testing entry: the laws of byte sources, and a source that counts what is asked of it.
export { type ByteSourceLawOptions, byteSourceLaws } from "./byte-source-laws.ts";
export { type CountedSource, countedSource } from "./counted-source.ts";
