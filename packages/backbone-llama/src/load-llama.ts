// A Hugging Face folder to a backbone with parameters on a device. Weights are read and uploaded one at a time, and
// none is ignored in silence. Knows no tokenizer.
import {
  type Backbone,
  type GenerationConfig,
  generationConfigFrom,
  type LoadOptions,
  type UploadedWeight,
  uploadWeights,
  type WeightDtype,
} from "@dual-head/backbone";
import { findPathKind, readJson } from "@dual-head/bytes";
import { type Checkpoint, CheckpointError, checkTensor, openCheckpoint } from "@dual-head/checkpoint";
import { type Device, sizeOf, type Tensor } from "@dual-head/tensor-core";
import { type LlamaConfig, llamaConfigFrom } from "./config.ts";
import { createLlama } from "./llama.ts";
import { createLlamaTree, ignoredTensors, type LlamaParams, lmHeadName, storedShape, weightNames } from "./params.ts";

/** A model read from disk; disposing it frees its parameters. */
export interface LoadedLlama extends Disposable {
  readonly backbone: Backbone<LlamaParams>;
  readonly params: LlamaParams;
  readonly config: LlamaConfig;
  /** How its matrices are held. */
  readonly dtype: WeightDtype;
  /** SHA-256 over the weight files one after the other, hexadecimal: what heads trained on this model record. */
  readonly sha256: string;
  /** Tokens that begin and end a text, from generation_config.json, else config.json. */
  readonly generation: GenerationConfig;
}

/** Options of loadLlama. */
export type LoadLlamaOptions = LoadOptions;

/**
 * Loads a Hugging Face folder (config.json and safetensors in F64, F32, F16 or BF16, whole or in shards), matrices in
 * the dtype asked for, rounded one at a time as they are read.
 *
 * @throws ConfigError where the config cannot be run
 * @throws CheckpointError where a tensor is missing, has another shape, or is not used by this architecture
 * @throws DeviceError where the weights are more than the device can hold, before any is read
 * @throws FileError, SafetensorsError where a file cannot be read
 */
export async function loadLlama(
  directory: string,
  device: Device,
  options: LoadLlamaOptions = {},
): Promise<LoadedLlama> {
  const folder = directory.endsWith("/") ? directory : `${directory}/`;
  const configPath = `${folder}config.json`;
  const json = await readJson(configPath);
  const config = llamaConfigFrom(json, configPath);
  const generationPath = `${folder}generation_config.json`;
  const generation =
    (await findPathKind(generationPath)) === "file"
      ? generationConfigFrom(await readJson(generationPath), generationPath, json)
      : generationConfigFrom(json, configPath);
  const checkpoint = await openCheckpoint(directory);
  try {
    await checkNames(checkpoint, config);
    const tensors = await uploadWeights(checkpoint.path, readersOf(checkpoint, config), device, options);
    try {
      // The tree asks for its weights in the order of weightNames, which is that of the upload.
      const next = tensors.values();
      const params = createLlamaTree(config, () => next.next().value!);
      const sha256 = await checkpoint.sha256();
      options.signal?.throwIfAborted();
      return {
        backbone: createLlama(config),
        params,
        config,
        dtype: options.dtype ?? "f32",
        sha256,
        generation,
        [Symbol.dispose]: () => disposeAll(tensors),
      };
    } catch (error) {
      disposeAll(tensors);
      throw error;
    }
  } finally {
    await checkpoint.close();
  }
}

function disposeAll(tensors: readonly Tensor[]): void {
  for (const tensor of tensors) tensor.dispose();
}

/** Checks, before anything is uploaded, that the tensors are those of the config, no fewer and no more. */
async function checkNames(checkpoint: Checkpoint, config: LlamaConfig): Promise<void> {
  const wanted = weightNames(config);
  for (const weight of wanted) checkTensor(checkpoint, weight.name, storedShape(weight));
  const known = new Set(wanted.map(({ name }) => name));
  for (const name of checkpoint.names) {
    if (known.has(name) || ignoredTensors.some((pattern) => pattern.test(name))) continue;
    if (name === lmHeadName) {
      await checkTied(checkpoint, config);
      continue;
    }
    throw new CheckpointError(
      `Cannot load ${checkpoint.path}: tensor ${JSON.stringify(name)} is not part of a ${config.architecture} model of this config; check that config and weights belong together`,
      checkpoint.path,
      { tensor: name, expected: "absent", actual: "present" },
    );
  }
}

/** A tied checkpoint may repeat its embedding as head; another head there would be lost. */
async function checkTied(checkpoint: Checkpoint, { vocabSize, hiddenSize }: LlamaConfig): Promise<void> {
  checkTensor(checkpoint, lmHeadName, [vocabSize, hiddenSize]);
  const head = await checkpoint.read(lmHeadName, "f32");
  const embedding = await checkpoint.read("model.embed_tokens.weight", "f32");
  if (head.every((value, index) => value === embedding[index])) return;
  throw new CheckpointError(
    `Cannot load ${checkpoint.path}: tensor "${lmHeadName}" differs from the embedding although the config ties them; set tie_word_embeddings to false`,
    checkpoint.path,
    { tensor: lmHeadName, expected: "the embedding's values", actual: "other values" },
  );
}

/** Weights with how each is read: the rows of one stored tensor follow one another, so that it is read once. */
function readersOf(checkpoint: Checkpoint, config: LlamaConfig): readonly UploadedWeight[] {
  let held: { readonly name: string; readonly values: Float32Array | Float64Array } | undefined;
  return weightNames(config).map(({ name, shape, rows }) => ({
    name,
    shape,
    async read(as) {
      if (held?.name !== name) {
        held = undefined;
        const values = as === "f64" ? await checkpoint.read(name, "f64") : await checkpoint.read(name, "f32");
        held = { name, values };
      }
      const size = sizeOf(shape);
      const first = rows === undefined ? 0 : rows.first * (size / shape[0]!);
      return held.values.subarray(first, first + size);
    },
  }));
}
