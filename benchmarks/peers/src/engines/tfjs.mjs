// TensorFlow.js on its WebAssembly backend: eager products, whole models composed of them. One thread: its flags refuse
// threads in Node (WASM_HAS_MULTITHREAD_SUPPORT is false there by its own source).
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { featuresBy, transposed, valuesOf } from "../models.mjs";

async function openProducts({ weights }) {
  const tf = await import("@tensorflow/tfjs-core");
  const { setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
  const entry = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(join(dirname(entry), "/"));
  if (!(await tf.setBackend("wasm"))) throw new Error("Cannot open tfjs: its WebAssembly backend did not start");
  // Its product has a fast path for untransposed operands only.
  const held = weights.map((weight) => {
    const [rows, columns] = weight.shape;
    return tf.tensor2d(transposed(valuesOf(weight), rows, columns), [columns, rows]);
  });
  const featuresOf = featuresBy((shape) => tf.tensor2d(valuesOf({ name: "x", shape }), shape));
  return {
    label: "wasm",
    async run(rows, indices) {
      // Kernels run to their end before the call returns.
      for (const index of indices) tf.matMul(featuresOf(rows, weights[index].shape[1]), held[index]).dispose();
    },
  };
}

/** f32 on one thread. */
export const tfjs = { wasm: true, threads: false, productDtypes: ["f32"], modelDtypes: [], openProducts };
