// Random parameters to train a LLaMA from; the same on every device. Knows no optimiser.
import { createRandom, type Device } from "@dual-head/tensor-core";
import type { LlamaConfig } from "./config.ts";
import { createLlamaTree, type LlamaParams } from "./params.ts";

/**
 * Parameters at the start of training: embedding and head from 𝒩(0, .02²), matrices from 𝒩(0, 1/in), those that write to
 * the residual stream (output and down projections) smaller by √(2·layers), so that its variance does not grow with
 * depth; norms 1, biases 0. The caller disposes them.
 */
export function initialiseLlama(config: LlamaConfig, device: Device, seed: number): LlamaParams {
  const residual = 1 / Math.sqrt(2 * config.layerCount);
  return createLlamaTree(config, ({ name, shape, rows }) => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    const random = createRandom(seed, rows === undefined ? name : `${name} ${rows.first}`);
    const draw = (deviation: number) => Float64Array.from({ length: size }, () => deviation * random.normal());
    const values = () => {
      if (name.endsWith("norm.weight")) return new Float64Array(size).fill(1);
      if (name.endsWith(".bias")) return new Float64Array(size);
      if (!name.includes(".layers.")) return draw(0.02);
      const writes = name.includes("o_proj") || name.includes("down_proj");
      return draw((writes ? residual : 1) / Math.sqrt(shape[1]!));
    };
    return device.keep(device.tensor(values(), shape));
  });
}
