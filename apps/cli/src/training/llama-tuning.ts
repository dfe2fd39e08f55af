// What of a LLaMA a recipe trains, the model it makes, and how it is written to a folder. Knows no run and no command.

import type { GenerationConfig } from "@dual-head/backbone-llama";
import {
  adapterFiles,
  attachDeltas,
  initialiseDeltas,
  type LlamaConfig,
  type LlamaDeltas,
  type LlamaParams,
  saveDeltas,
  saveLlama,
  saveLlamaClassifier,
  scaleDeltas,
} from "@dual-head/backbone-llama";
import type { LoraRecipe } from "@dual-head/methods";
import type { Device, Tensor } from "@dual-head/tensor-core";
import {
  freeTree,
  frozenModel,
  initialScore,
  type Scored,
  type Trainable,
  type TunedScore,
  wholeModel,
  withScore,
} from "@dual-head/train";

/** The model to tune. */
export interface TunedLlama {
  readonly device: Device;
  readonly config: LlamaConfig;
  readonly params: LlamaParams;
  readonly generation: GenerationConfig;
  /** Name or path of the model, which an adapter records. */
  readonly name: string;
}

/** A way of training it; disposing frees where training starts, but for the model's own parameters. */
export interface LlamaTuning<Trained> extends Disposable {
  readonly trainable: Trainable<LlamaParams, Trained>;
  /** What is trained, for people. */
  readonly trained: string;
  /** What the folder holds and how it is used. */
  readonly holds: string;
  /** Files that `save` writes. */
  readonly outputs: readonly string[];
  /** Whether the folder is a model, which has its tokenizer beside it. */
  readonly isModel: boolean;
  save(folder: string, trained: Trained, metadata: Readonly<Record<string, string>>): Promise<void>;
}

const modelFiles = ["model.safetensors", "config.json"];

/** All parameters. */
export function tuneWhole({ config, params, generation }: TunedLlama): LlamaTuning<LlamaParams> {
  return {
    trainable: wholeModel(params),
    trained: "all parameters",
    holds: "An ordinary Hugging Face folder: `dual-head generate --model` and transformers read it.",
    outputs: modelFiles,
    isModel: true,
    save: (folder, trained, metadata) => saveLlama(folder, config, trained, { generation, metadata }),
    [Symbol.dispose]: () => {},
  };
}

/** Changes of low rank, from a seed. */
export function tuneLora(model: TunedLlama, lora: LoraRecipe, seed: number): LlamaTuning<LlamaDeltas<Tensor>> {
  const { device, config, params, name } = model;
  const { rank, alpha, targets } = lora;
  const initial = initialiseDeltas(config, device, { rank, targets }, seed);
  const scaled = (deltas: LlamaDeltas<Tensor>) => scaleDeltas(deltas, alpha / rank);
  return {
    trainable: {
      initial,
      assemble: (deltas) => ({ params: attachDeltas(params, scaled(deltas)), score: null }),
    },
    trained: `LoRA of rank ${rank} and alpha ${alpha} on ${targets.join(", ")}`,
    holds: "A PEFT adapter for the model named in it: `dual-head generate --adapter` and peft read it.",
    outputs: adapterFiles,
    isModel: false,
    async save(folder, deltas, metadata) {
      const own = scaled(deltas);
      try {
        await saveDeltas(folder, config, own, { alpha, baseModel: name, metadata });
      } finally {
        // Their a belongs to what is trained.
        for (const layer of own) for (const { b } of Object.values(layer)) b.dispose();
      }
    },
    [Symbol.dispose]: () => freeTree(initial),
  };
}

/** What a score head is trained with. */
export interface ScoreOptions {
  /** The token that scoring passes over at the end of a text. */
  readonly padTokenId: number | null;
  readonly seed: number;
}

type Frozen = Readonly<Record<string, never>>;

/** A score head from a seed, on parameters that are trained with it. */
export function tuneScored(model: TunedLlama, options: ScoreOptions): LlamaTuning<Scored<LlamaParams>> {
  const score = newScore(model, options);
  return {
    ...scored(score),
    trainable: withScore(wholeModel(model.params), score),
    trained: "a score head and all parameters",
    save: (folder, trained, metadata) => saveScored(model, options, folder, trained, metadata),
  };
}

/** A score head from a seed, on parameters that stay as they are. */
export function tuneScoreOnly(model: TunedLlama, options: ScoreOptions): LlamaTuning<Scored<Frozen>> {
  const score = newScore(model, options);
  return {
    ...scored(score),
    trainable: withScore(frozenModel(model.params), score),
    trained: "the score head alone",
    save: (folder, trained, metadata) =>
      saveScored(model, options, folder, { model: model.params, score: trained.score }, metadata),
  };
}

function newScore({ device, config }: TunedLlama, { padTokenId, seed }: ScoreOptions): TunedScore {
  return { weight: initialScore(device, config.hiddenSize, seed), padTokenId };
}

function scored({ weight }: TunedScore): Pick<LlamaTuning<unknown>, "holds" | "outputs" | "isModel"> & Disposable {
  return {
    holds: "A Hugging Face sequence classifier of one label, the reward of prompt and response together.",
    outputs: modelFiles,
    isModel: true,
    [Symbol.dispose]: () => weight.dispose(),
  };
}

function saveScored(
  { config, generation }: TunedLlama,
  { padTokenId }: ScoreOptions,
  folder: string,
  { model, score }: Scored<LlamaParams>,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  return saveLlamaClassifier(folder, config, { params: model, score, padTokenId }, { generation, metadata });
}
