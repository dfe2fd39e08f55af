// The table of engines: a file each. Knows no measurement.
import { jaxJs } from "./jax-js.mjs";
import { llamaCpp } from "./llama-cpp.mjs";
import { onnxruntimeNode, onnxruntimeWeb } from "./onnxruntime.mjs";
import { ours } from "./ours.mjs";
import { tfjs } from "./tfjs.mjs";

/**
 * `openProducts({ threads, dtype, weights })` gives run(rows, indices), which multiplies rows by those weights and returns when
 * all is done; `openModel({ shape, dtype, threads, path, prompt, long })` gives decode(count) → tokens and milliseconds a
 * token, and prefill() → milliseconds a token. `threads`: whether it runs on more than one here.
 */
export const engines = {
  ours,
  "llama.cpp": llamaCpp,
  "onnxruntime-node": onnxruntimeNode,
  "onnxruntime-web": onnxruntimeWeb,
  tfjs,
  "jax-js": jaxJs,
};
