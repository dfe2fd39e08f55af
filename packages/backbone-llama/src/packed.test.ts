// Real models with packed weights: how far their next-token distributions move from those of float weights, and what
// they take. The bounds are a quarter above what was measured.
import { type WeightDtype, weightDtypes } from "@dual-head/backbone";
import { sharedAsset } from "@dual-head/repo-tools";
import { type Device, logSoftmax, project, projectionTerms, segmentsOf } from "@dual-head/tensor-core";
import { sharedDevice } from "@dual-head/tensor-core/testing";
import { afterAll, describe, expect, it } from "vitest";
import { type LoadedLlama, loadLlama } from "./load-llama.ts";

const folder = sharedAsset("models/stories260K/hf");
const held: LoadedLlama[] = [];
afterAll(() => {
  for (const model of held) model[Symbol.dispose]();
});

async function load(device: Device, dtype: WeightDtype): Promise<LoadedLlama> {
  const model = await loadLlama(folder!, device, { dtype });
  held.push(model);
  return model;
}

/** Log-probabilities of every next token, [tokens, V]. */
async function logProbabilities(
  device: Device,
  model: LoadedLlama,
  tokens: readonly number[],
): Promise<ArrayLike<number>> {
  const { backbone, params } = model;
  const result = device.scope(() => {
    const hidden = backbone.hidden(params, Uint32Array.from(tokens), segmentsOf([tokens.length]));
    return logSoftmax(project(projectionTerms(hidden, [{ projection: backbone.lmHead(params), coefficient: null }])));
  });
  return result.read();
}

/** Mean KL(p‖q) in nats a token. */
function meanDivergence(p: ArrayLike<number>, q: ArrayLike<number>, tokenCount: number): number {
  return Array.from(p).reduce((sum, logp, at) => sum + Math.exp(logp) * (logp - q[at]!), 0) / tokenCount;
}

/** Mean divergence from float weights in nats a token on the text below, at most; bytes a weight. */
const limits: Readonly<Record<Exclude<WeightDtype, "f32">, { readonly nats: number; readonly bytes: number }>> = {
  bf16: { nats: 2.8e-5, bytes: 2 },
  f16: { nats: 2.8e-6, bytes: 2 },
  q8: { nats: 2.7e-4, bytes: 17 / 16 },
  q4: { nats: 6.6e-2, bytes: 9 / 16 },
};

describe.skipIf(folder === null)("stories260K in packed weights", () => {
  // What the float model writes itself: "Once upon a time, there was a little girl named Lily. She loved to play …".
  const tokens = [
    1, 403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421, 395, 317, 426, 338, 401, 396, 267, 337, 410, 408,
    419, 292, 411, 322, 265, 282, 295, 433, 426, 385, 328, 432, 358, 394, 261, 370, 432, 352, 266, 268, 388, 426, 338,
    391, 266,
  ];

  it.each(weightDtypes.filter((dtype) => dtype !== "f32"))("%s stays near the float model on cpu", async (dtype) => {
    const device = await sharedDevice("cpu");
    const [float, packed] = [await load(device, "f32"), await load(device, dtype)];
    const expected = await logProbabilities(device, float, tokens);
    const actual = await logProbabilities(device, packed, tokens);
    const drift = meanDivergence(expected, actual, tokens.length);
    expect(drift).toBeGreaterThan(0);
    expect(drift).toBeLessThan(limits[dtype as keyof typeof limits].nats);
  });

  it.each(weightDtypes.filter((dtype) => dtype !== "f32"))("%s takes its bits and no more", async (dtype) => {
    const device = await sharedDevice("cpu");
    const before = device.stats.bytes;
    const { params, config } = await load(device, dtype);
    expect(device.stats.bytes - before).toBeLessThan(1.5 * limits[dtype as keyof typeof limits].bytes * 260_000);
    expect(params.embedding.dtype).toBe(dtype);
    expect(params.embedding.shape).toEqual([config.vocabSize, config.hiddenSize]);
    expect(params.finalNorm.dtype).toBe("f32");
  });
});
