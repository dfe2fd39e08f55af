// onnxruntime, native and in WebAssembly: the same graphs through the same interface.
import { availableParallelism } from "node:os";
import { configOf, featuresBy, valuesOf } from "../models.mjs";
import { llamaModel, productModel } from "../onnx-llama.mjs";

/** Sessions of one of the two packages. */
function engineOf(load, label, wasm) {
  async function open(threads, bytes) {
    const ort = await load(threads);
    const session = await ort.InferenceSession.create(bytes, {
      executionProviders: [wasm ? "wasm" : "cpu"],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
    });
    return { ort, session };
  }
  return {
    wasm,
    threads: availableParallelism() > 1,
    productDtypes: ["f32", "q8", "q4"],
    modelDtypes: ["f32", "q8", "q4"],
    async openProducts({ threads, dtype, weights }) {
      const opened = [];
      for (const weight of weights) opened.push(await open(threads, productModel(weight, dtype)));
      const featuresOf = featuresBy(
        (shape) => new opened[0].ort.Tensor("float32", valuesOf({ name: "x", shape }), shape),
      );
      return {
        label,
        async run(rows, indices) {
          for (const index of indices)
            await opened[index].session.run({ x: featuresOf(rows, weights[index].shape[1]) });
        },
      };
    },
    async openModel({ shape, dtype, threads, prompt, long }) {
      const { layerCount, groupCount, headSize } = configOf(shape);
      const { ort, session } = await open(threads, llamaModel(shape, dtype));
      const caches = Array.from({ length: layerCount }, (_, layer) => layer);
      const empty = () => new ort.Tensor("float32", new Float32Array(0), [1, groupCount, 0, headSize]);
      const fresh = () =>
        Object.fromEntries(
          caches.flatMap((layer) => [
            [`pastKey${layer}`, empty()],
            [`pastValue${layer}`, empty()],
          ]),
        );
      /** Feeds tokens behind `length` others; gives the next token and what is past then. */
      const feed = async (past, length, tokens) => {
        const total = length + tokens.length;
        const results = await session.run({
          ...past,
          ids: new ort.Tensor("int64", BigInt64Array.from(tokens, BigInt), [1, tokens.length]),
          lengths: new ort.Tensor("int32", Int32Array.of(total - 1), [1]),
          total: new ort.Tensor("int32", Int32Array.of(total), [1]),
        });
        const held = caches.flatMap((layer) => [
          [`pastKey${layer}`, results[`key${layer}`]],
          [`pastValue${layer}`, results[`value${layer}`]],
        ]);
        return { token: Number(results.token.data[0]), past: Object.fromEntries(held) };
      };
      return {
        label,
        async decode(count) {
          let { token, past } = await feed(fresh(), 0, prompt);
          const tokens = [token];
          const begin = performance.now();
          for (let length = prompt.length; tokens.length <= count; length++) {
            ({ token, past } = await feed(past, length, [token]));
            tokens.push(token);
          }
          return { tokens, milliseconds: (performance.now() - begin) / count };
        },
        async prefill() {
          const begin = performance.now();
          await feed(fresh(), 0, long);
          return { milliseconds: (performance.now() - begin) / long.length };
        },
      };
    },
  };
}

/** Native code. */
export const onnxruntimeNode = engineOf(() => import("onnxruntime-node"), "native", false);

/** WebAssembly, threads included: its Node build starts them as worker threads. */
export const onnxruntimeWeb = engineOf(
  async (threads) => {
    const ort = await import("onnxruntime-web");
    ort.env.wasm.numThreads = threads;
    return ort;
  },
  "wasm",
  true,
);
