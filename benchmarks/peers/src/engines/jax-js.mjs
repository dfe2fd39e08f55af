// jax-js on its WebAssembly backend: compiled products, whole models composed of them. One thread: its pool asks for a global
// Worker, which Node lacks.
import { featuresBy, valuesOf } from "../models.mjs";

async function openProducts({ weights }) {
  const jax = await import("@jax-js/jax");
  if (!(await jax.init("wasm")).includes("wasm")) throw new Error("Cannot open jax-js: no WebAssembly backend");
  jax.defaultDevice("wasm");
  const { numpy: np } = jax;
  const arrayOf = (values, shape) => np.array(values).reshape(shape);
  const multiply = jax.jit((x, weight) => np.matmul(x, np.matrixTranspose(weight)));
  const held = weights.map((weight) => arrayOf(valuesOf(weight), weight.shape));
  await jax.blockUntilReady(held.map((each) => each.ref));
  const featuresOf = featuresBy((shape) => arrayOf(valuesOf({ name: "x", shape }), shape));
  return {
    label: "wasm",
    async run(rows, indices) {
      const results = indices.map((index) => multiply(featuresOf(rows, weights[index].shape[1]).ref, held[index].ref));
      await jax.blockUntilReady(results);
      for (const result of results) result.dispose();
    },
  };
}

/** f32 on one thread. */
export const jaxJs = { wasm: true, threads: false, productDtypes: ["f32"], modelDtypes: [], openProducts };
