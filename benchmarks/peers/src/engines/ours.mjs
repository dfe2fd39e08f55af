// Dual-Head's own cpu device, through the policies that generation uses.
import { createBasePolicy } from "@dual-head/methods";
import { sampled } from "@dual-head/sampler";
import { matmul, openDevice } from "@dual-head/tensor-core";
import { featuresBy, openOurs, valuesOf } from "../models.mjs";

/** Products of f32 rows with weights that stay on the device. */
async function openProducts({ threads, dtype, weights }) {
  const device = await openDevice("cpu", { threads });
  const held = weights.map((weight) => device.keep(device.tensor(valuesOf(weight), weight.shape, dtype)));
  const featuresOf = featuresBy((shape) => device.keep(device.tensor(valuesOf({ name: "x", shape }), shape)));
  return {
    label: device.info.variant,
    async run(rows, indices) {
      for (const index of indices) {
        matmul(featuresOf(rows, weights[index].shape[1]), held[index], { transposeB: true }).dispose();
      }
    },
  };
}

async function openModel({ shape, dtype, threads, prompt, long }) {
  const device = await openDevice("cpu", { threads });
  const policy = createBasePolicy({ ...openOurs(device, shape, dtype), device, slotCount: 1, capacity: 512 });
  const generator = sampled(policy);
  return {
    label: device.info.variant,
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
}

/** All threads and dtypes. */
export const ours = {
  wasm: true,
  threads: true,
  productDtypes: ["f32", "q8", "q4"],
  modelDtypes: ["f32", "bf16", "f16", "q8", "q4"],
  openProducts,
  openModel,
};
