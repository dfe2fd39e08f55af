// One engine with one model in a process of its own: answers "decode" and "prefill" on stdin with milliseconds a token.
// Knows no other engine.
import { createInterface } from "node:readline";

const prompt = Array.from({ length: 16 }, (_, index) => 300 + 7 * index);
const long = Array.from({ length: 256 }, (_, index) => 300 + ((13 * index) % 30_000));

/** Engines by name: open(model) gives decode(count) → tokens and seconds, and prefill() → seconds. */
const engines = {
  async ours({ shape, dtype, threads }) {
    const { openDevice } = await import("@dual-head/tensor-core");
    const { createBasePolicy } = await import("@dual-head/methods");
    const { sampled } = await import("@dual-head/sampler");
    const { openOurs } = await import("./models.mjs");
    const device = await openDevice("cpu", { threads });
    const policy = createBasePolicy({ ...openOurs(device, shape, dtype), device, slotCount: 1, capacity: 512 });
    const generator = sampled(policy);
    return {
      label: `${device.info.variant}`,
      async decode(count) {
        const tokens = [];
        let begin = 0;
        for await (const event of generator.generate({ prompt, maxNewTokens: count + 1, temperature: 0 })) {
          if (event.type !== "token") continue;
          tokens.push(event.token);
          if (tokens.length === 1) begin = performance.now();
        }
        return { tokens, milliseconds: (performance.now() - begin) / count };
      },
      async prefill() {
        const sequence = policy.open();
        const begin = performance.now();
        const [step] = await policy.advance([{ sequence, tokens: long }]);
        await step.candidates(1);
        const milliseconds = (performance.now() - begin) / long.length;
        policy.close(sequence);
        return { milliseconds };
      },
    };
  },
  async "llama.cpp"({ path, threads }) {
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
  },
};

const options = JSON.parse(process.argv[2]);
const engine = await engines[options.engine](options);
const answer = (value) => process.stdout.write(`@${JSON.stringify(value)}\n`);
answer({ label: engine.label });
for await (const line of createInterface({ input: process.stdin })) {
  const [what, count] = line.split(" ");
  answer(what === "decode" ? await engine.decode(Number(count)) : await engine.prefill());
}
process.exit(0);
