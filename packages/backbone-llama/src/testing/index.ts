// Tiny random backbones for tests of other packages.
export { initLlama, type TinyLlama, tinyLlama, tinyLlamaConfig } from "./tiny-llama.ts";
