// Tiny random GPT-2s for tests of other packages.
export { type TinyGpt2, tinyGpt2, tinyGpt2Config } from "./tiny-gpt2.ts";
