// Trains the demo's backbone from nothing on the world's transcripts and writes it as an ordinary Hugging Face folder.
// Knows no reward head and no preference.
import { createLlama, createLlamaTree, type LlamaParams, llamaConfigFrom } from "@dual-head/backbone-llama";
import { createDirectory, writeFileAtomic } from "@dual-head/bytes";
import { writeSafetensors } from "@dual-head/checkpoint";
import {
  affine,
  createRandom,
  type Device,
  leavesOf,
  linearCrossEntropy,
  projectionTerms,
  segmentsOf,
  sizeOf,
  sumTo,
  valueAndGrad,
} from "@dual-head/tensor-core";
import { loadTokenizer } from "@dual-head/tokenizer";
import { cosineRate, createOptimiser } from "@dual-head/train";
import { breathe } from "../io.ts";
import { createTokenizerJson, drawCorpus, specialTokens } from "./world.ts";

/** What training reports after each step. */
export interface BackboneProgress {
  readonly step: number;
  readonly stepCount: number;
  /** Nats per token of the last batch. */
  readonly loss: number;
}

/** Sizes of the demo's backbone and of its training. */
export const backboneRecipe = {
  hiddenSize: 64,
  layerCount: 2,
  headCount: 4,
  groupCount: 2,
  feedForwardSize: 160,
  maxTokens: 128,
  transcriptCount: 4096,
  batchSize: 32,
  stepCount: 260,
  learningRate: 4e-3,
  warmupSteps: 20,
} as const;

/** Trains for `stepCount` steps and writes config, weights and tokenizer to `directory`. */
export async function createDemoBackbone(
  directory: string,
  device: Device,
  options: {
    readonly seed: number;
    readonly stepCount?: number;
    readonly signal?: AbortSignal;
    readonly onStep?: (progress: BackboneProgress) => void;
  },
): Promise<void> {
  const { hiddenSize, layerCount, headCount, groupCount, feedForwardSize, maxTokens, batchSize } = backboneRecipe;
  const stepCount = options.stepCount ?? backboneRecipe.stepCount;
  await createDirectory(directory);
  await writeJson(`${directory}/tokenizer.json`, createTokenizerJson());
  await writeJson(`${directory}/tokenizer_config.json`, {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: specialTokens.begin,
    eos_token: specialTokens.end,
    clean_up_tokenization_spaces: false,
    model_max_length: maxTokens,
  });
  const tokenizer = await loadTokenizer(directory);
  const json = {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    hidden_size: hiddenSize,
    intermediate_size: feedForwardSize,
    num_hidden_layers: layerCount,
    num_attention_heads: headCount,
    num_key_value_heads: groupCount,
    vocab_size: tokenizer.vocabSize,
    max_position_embeddings: maxTokens,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    rope_scaling: null,
    tie_word_embeddings: true,
    hidden_act: "silu",
    bos_token_id: 0,
    eos_token_id: 1,
  };
  const config = llamaConfigFrom(json);
  const backbone = createLlama(config);
  const random = createRandom(options.seed, "backbone");
  const initial = createLlamaTree(config, ({ name, shape }) => {
    const isNorm = shape.length === 1;
    const spread = name.includes("embed_tokens") ? 0.05 : 1 / Math.sqrt(shape.at(-1)! * 1.5);
    const values = Array.from({ length: sizeOf(shape) }, () => (isNorm ? 1 : random.normal() * spread));
    return device.keep(device.tensor(values, shape));
  });
  using optimiser = createOptimiser(device, initial, { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.01 });
  const corpus = drawCorpus(options.seed, backboneRecipe.transcriptCount).map((text) => [...tokenizer.encode(text), 1]);
  const rate = { learningRate: backboneRecipe.learningRate, stepCount, warmupStepCount: backboneRecipe.warmupSteps };
  for (let step = 1; step <= stepCount; step++) {
    await breathe();
    options.signal?.throwIfAborted();
    const batch = Array.from({ length: batchSize }, () => corpus[random.integer(corpus.length)]!);
    const inputs = Uint32Array.from(batch.flatMap((ids) => ids.slice(0, -1)));
    const targets = Uint32Array.from(batch.flatMap((ids) => ids.slice(1)));
    const segments = segmentsOf(batch.map((ids) => ids.length - 1));
    const loss = device.scope(() => {
      const labels = device.tensor(targets, [targets.length]);
      const { value, grad } = valueAndGrad((params: LlamaParams) => {
        const hidden = backbone.hidden(params, inputs, segments);
        const nats = linearCrossEntropy(
          projectionTerms(hidden, [{ projection: backbone.lmHead(params), coefficient: null }]),
          labels,
        );
        return affine(sumTo(nats, []), 1 / targets.length, 0);
      })(optimiser.params);
      optimiser.step(grad, 1, cosineRate(step, rate));
      return value;
    });
    const [nats] = await loss.read();
    loss.dispose();
    options.onStep?.({ step, stepCount, loss: nats! });
  }
  const names = new Map<string, string>();
  for (const { path, leaf } of leavesOf<string>(createLlamaTree(config, ({ name }) => name))) names.set(path, leaf);
  const tensors: Record<string, { dtype: "F32"; shape: readonly number[]; data: Float32Array }> = {};
  for (const [path, { parameter }] of optimiser.states) {
    const data = Float32Array.from(await parameter.read());
    tensors[names.get(path)!] = { dtype: "F32", shape: parameter.shape, data };
  }
  await writeSafetensors(`${directory}/model.safetensors`, tensors, { format: "pt" });
  await writeJson(`${directory}/config.json`, json);
}

function writeJson(path: string, value: unknown): Promise<void> {
  return writeFileAtomic(path, `${JSON.stringify(value, null, 1)}\n`);
}
