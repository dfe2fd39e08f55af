// llama.cpp through node-llama-cpp, native code; whole models only.

async function openModel({ path, threads, prompt, long }) {
  const { getLlama, LlamaLogLevel } = await import("node-llama-cpp");
  const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error, maxThreads: threads });
  const model = await llama.loadModel({ modelPath: path });
  const context = await model.createContext({ contextSize: 512, batchSize: 512, threads, sequences: 1 });
  const sequence = context.getSequence();
  return {
    label: "native",
    async decode(count) {
      await sequence.clearHistory();
      const tokens = [];
      let begin = 0;
      for await (const token of sequence.evaluate(prompt, { temperature: 0 })) {
        tokens.push(Number(token));
        if (tokens.length === 1) begin = performance.now();
        if (tokens.length > count) break;
      }
      return { tokens, milliseconds: (performance.now() - begin) / count };
    },
    async prefill() {
      await sequence.clearHistory();
      const begin = performance.now();
      await sequence.evaluateWithoutGeneratingNewTokens(long);
      return { milliseconds: (performance.now() - begin) / long.length };
    },
  };
}

/** Models from GGUF files. */
export const llamaCpp = {
  wasm: false,
  threads: true,
  productDtypes: [],
  modelDtypes: ["f32", "f16", "q8", "q4"],
  openModel,
};
