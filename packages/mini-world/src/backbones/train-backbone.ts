// One backbone trained on the world's transcripts, resumable, into an ordinary Hugging Face folder in f16.
// Knows no reward, no head and no command line.
import { createLlama, initialiseLlama, type LlamaParams, saveLlama } from "@dual-head/backbone-llama";
import { createDirectory, writeFileAtomic } from "@dual-head/bytes";
import { affine, type Device } from "@dual-head/tensor-core";
import { loadTokenizer } from "@dual-head/tokenizer";
import { type PretrainEvent, type PretrainFigures, pretrain } from "@dual-head/train";
import { drawTranscript } from "../generate/dialogue.ts";
import { createTokenizerJson, tokenizerConfigJson } from "../vocabulary/tokenizer-json.ts";
import { type BackboneName, configOf, maxTokens, recipes, settingsOf, vocabSize, worldSeed } from "./recipes.ts";

/** Transcripts that the vocabulary is learnt from. */
const vocabularyTranscripts = 20_000;
/** About what a transcript has in tokens; documents suffice for one pass over them. */
const tokensPerTranscript = 40;

/** What a training of a backbone needs. */
export interface TrainBackboneOptions {
  readonly name: BackboneName;
  readonly device: Device;
  /** For the state of the run, and `model/` in it. */
  readonly folder: string;
  /** Tokens to train on instead of the recipe's. */
  readonly tokenBudget?: number | undefined;
  readonly resume?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Writes tokenizer.json and tokenizer_config.json of the world into a folder. */
export async function writeTokenizer(folder: string): Promise<void> {
  const texts = Array.from({ length: vocabularyTranscripts }, (_, index) => drawTranscript(worldSeed, index));
  const write = (name: string, value: unknown) =>
    writeFileAtomic(`${folder}/${name}`, `${JSON.stringify(value, null, 1)}\n`);
  await write("tokenizer.json", createTokenizerJson(texts, vocabSize));
  await write("tokenizer_config.json", tokenizerConfigJson(maxTokens));
}

/** Trains a backbone and writes `model/` at every checkpoint; yields what `pretrain` yields. */
export async function* trainBackbone(options: TrainBackboneOptions): AsyncGenerator<PretrainEvent, void, undefined> {
  const { name, device, folder, signal } = options;
  const config = configOf(name);
  const settings = settingsOf(name, options.tokenBudget);
  const model = `${folder}/model`;
  await createDirectory(model);
  await writeTokenizer(model);
  const tokenizer = await loadTokenizer(model);
  const count = Math.ceil(settings.tokenBudget! / tokensPerTranscript) + settings.heldOutCount!;
  const documents = Array.from({ length: count }, (_, index) =>
    Uint32Array.from([...tokenizer.encode(drawTranscript(worldSeed, index)), 1]),
  );
  const save = async (params: LlamaParams, figures: PretrainFigures) => {
    const generation = { bosTokenId: 0, eosTokenIds: [1] };
    const metadata = { figures: JSON.stringify(figures) };
    using finalNorm = affine(params.finalNorm, recipes[name].sharpness, 0);
    await saveLlama(model, config, { ...params, finalNorm }, { dtype: "F16", generation, metadata });
  };
  yield* pretrain({
    device,
    backbone: createLlama(config),
    params: initialiseLlama(config, device, worldSeed),
    documents,
    folder,
    settings,
    save,
    resume: options.resume,
    signal,
  });
}
