// Constants of a build of the kernels; AssemblyScript. scripts/build-wasm.mjs compiles the wide build with `true` here.

/** Tiles of 16 columns instead of 8: faster where the engine joins pairs of vectors into 256 bits, slower elsewhere. */
export const WIDE_TILES: bool = false;
