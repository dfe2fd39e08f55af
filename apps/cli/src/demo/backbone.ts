// Trains the demo's backbone from nothing on the world's transcripts and writes it as an ordinary Hugging Face folder.
// Knows no reward head and no preference.
import { createLlama, createLlamaTree, type LlamaParams, llamaConfigFrom } from "@dual-head/backbone-llama";
import { createDirectory, writeFileAtomic } from "@dual-head/bytes";
import { writeSafetensors } from "@dual-head/checkpoint";
import {
  type AdamwState,
  adamw,
  affine,
  createRandom,
  type Device,
  leavesOf,
  linearCrossEntropy,
  projectionTerms,
  replaceLeaves,
  segmentsOf,
  sizeOf,
  sumTo,
  type Tensor,
  valueAndGrad,
} from "@dual-head/tensor-core";
import { loadTokenizer } from "@dual-head/tokenizer";
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
  const zeros = (shape: readonly number[]) =>
    device.keep(device.tensor(new Array<number>(sizeOf(shape)).fill(0), shape));
  const states = new Map<string, AdamwState>(
    leavesOf<Tensor>(initial).map(({ path, leaf }) => [
      path,
      { parameter: leaf, m: zeros(leaf.shape), v: zeros(leaf.shape) },
    ]),
  );
  const corpus = drawCorpus(options.seed, backboneRecipe.transcriptCount).map((text) => [...tokenizer.encode(text), 1]);
  const paramsNow = (): LlamaParams =>
    replaceLeaves(initial, new Map([...states].map(([path, { parameter }]) => [path, parameter])));
  for (let step = 1; step <= stepCount; step++) {
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
      })(paramsNow());
      const gradients = new Map(leavesOf<Tensor>(grad).map(({ path, leaf }) => [path, leaf]));
      const one = device.tensor([1], []);
      for (const [path, state] of states) {
        states.set(
          path,
          adamw(state, gradients.get(path)!, one, {
            learningRate: learningRateAt(step, stepCount),
            beta1: 0.9,
            beta2: 0.99,
            epsilon: 1e-8,
            weightDecay: 0.01,
            step,
          }),
        );
      }
      return value;
    });
    const [nats] = await loss.read();
    loss.dispose();
    options.onStep?.({ step, stepCount, loss: nats! });
  }
  const names = new Map<string, string>();
  for (const { path, leaf } of leavesOf<string>(createLlamaTree(config, ({ name }) => name))) names.set(path, leaf);
  const tensors: Record<string, { dtype: "F32"; shape: readonly number[]; data: Float32Array }> = {};
  for (const [path, { parameter, m, v }] of states) {
    tensors[names.get(path)!] = {
      dtype: "F32",
      shape: parameter.shape,
      data: Float32Array.from(await parameter.read()),
    };
    for (const tensor of [parameter, m, v]) tensor.dispose();
  }
  await writeSafetensors(`${directory}/model.safetensors`, tensors, { format: "pt" });
  await writeJson(`${directory}/config.json`, json);
}

function learningRateAt(step: number, stepCount: number): number {
  const { learningRate, warmupSteps } = backboneRecipe;
  if (step <= warmupSteps) return (learningRate * step) / warmupSteps;
  return (
    learningRate *
    (0.1 + 0.45 * (1 + Math.cos((Math.PI * (step - warmupSteps)) / Math.max(1, stepCount - warmupSteps))))
  );
}

function writeJson(path: string, value: unknown): Promise<void> {
  return writeFileAtomic(path, `${JSON.stringify(value, null, 1)}\n`);
}
