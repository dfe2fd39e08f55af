// A model's files to a backbone with parameters on a device. Weights are read and uploaded one at a time, and
// none is ignored in silence. Knows no tokenizer.
import {
  type Backbone,
  type GenerationConfig,
  type LoadOptions,
  type UploadedWeight,
  uploadInPlaceOrder,
  type WeightDtype,
} from "@dual-head/backbone";
import type { ByteSource } from "@dual-head/bytes";
import { type Checkpoint, CheckpointError, checkTensor, haveSameBytes, ReadMemory } from "@dual-head/checkpoint";
import { type Device, sizeOf, type Tensor } from "@dual-head/tensor-core";
import type { LlamaConfig } from "./config.ts";
import { createLlama } from "./llama.ts";
import { type ModelFiles, openModelFiles } from "./model-files.ts";
import {
  createLlamaTree,
  embeddingName,
  ignoredTensors,
  type LlamaParams,
  lmHeadName,
  scoreName,
  storedShape,
  type WeightName,
  weightNames,
} from "./params.ts";

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
 * Loads a model: a Hugging Face folder (config.json and safetensors in F64, F32, F16 or BF16, whole or in shards), a GGUF
 * file or one of llama2.c, told by their bytes; matrices in the dtype asked for, rounded one at a time as they are read.
 * On the host there is one tensor at a time, as floats, and parts of it as stored.
 *
 * @param model the path, or a byte source of a file that describes itself (GGUF, llama2.c), which is closed in the end
 * @throws ConfigError where the config cannot be run
 * @throws CheckpointError where a tensor is missing, has another shape, or is not used by this architecture
 * @throws DeviceError where the weights are more than the device can hold, before any is read
 * @throws FileError, SafetensorsError, GgufError, Llama2cError where a file cannot be read
 */
export async function loadLlama(
  model: string | ByteSource,
  device: Device,
  options: LoadLlamaOptions = {},
): Promise<LoadedLlama> {
  const { loaded } = await loadFrom(await openModelFiles(model, options), [], device, options);
  return loaded;
}

/** Loads a model from its files, which are closed in the end, with weights of the same checkpoint that stay floats. */
export async function loadFrom(
  { config, generation, checkpoint }: ModelFiles,
  besides: readonly WeightName[],
  device: Device,
  options: LoadLlamaOptions,
): Promise<{ readonly loaded: LoadedLlama; readonly besides: readonly Tensor[] }> {
  try {
    const wanted = [...weightNames(config), ...besides];
    await checkNames(checkpoint, config, wanted);
    const tensors = await uploadInOrder(checkpoint, wanted, new Set(besides), device, options);
    try {
      // The tree asks for its weights in the order of weightNames; what is beside comes last.
      const next = tensors.values();
      const params = createLlamaTree(config, () => next.next().value!);
      const sha256 = await checkpoint.sha256();
      options.signal?.throwIfAborted();
      const loaded: LoadedLlama = {
        backbone: createLlama(config),
        params,
        config,
        dtype: options.dtype ?? "f32",
        sha256,
        generation,
        [Symbol.dispose]: () => disposeAll(tensors),
      };
      return { loaded, besides: [...next] };
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
async function checkNames(checkpoint: Checkpoint, config: LlamaConfig, wanted: readonly WeightName[]): Promise<void> {
  for (const weight of wanted) checkTensor(checkpoint, weight.name, storedShape(weight));
  const known = new Set(wanted.map(({ name }) => name));
  for (const name of checkpoint.names) {
    if (known.has(name) || ignoredTensors.some((pattern) => pattern.test(name))) continue;
    if (name === lmHeadName) {
      await checkTied(checkpoint, config);
      continue;
    }
    const problem =
      name === scoreName
        ? "is the head of a classifier of texts; load it with loadLlamaClassifier"
        : `is not part of a ${config.architecture} model of this config; check that config and weights belong together`;
    throw new CheckpointError(
      `Cannot load ${checkpoint.path}: tensor ${JSON.stringify(name)} ${problem}`,
      checkpoint.path,
      { tensor: name, expected: "absent", actual: "present" },
    );
  }
}

/** A tied checkpoint may repeat its embedding as head; another head there would be lost. */
async function checkTied(checkpoint: Checkpoint, { vocabSize, hiddenSize }: LlamaConfig): Promise<void> {
  checkTensor(checkpoint, lmHeadName, [vocabSize, hiddenSize]);
  if (await haveSameBytes(checkpoint, lmHeadName, embeddingName)) return;
  throw new CheckpointError(
    `Cannot load ${checkpoint.path}: tensor "${lmHeadName}" differs from the embedding although the config ties them; set tie_word_embeddings to false`,
    checkpoint.path,
    { tensor: lmHeadName, expected: "the embedding's values", actual: "other values" },
  );
}

/** Uploads weights in the order of their files, which are hashed in passing; gives them in that of `wanted`. */
async function uploadInOrder(
  checkpoint: Checkpoint,
  wanted: readonly WeightName[],
  floats: ReadonlySet<WeightName>,
  device: Device,
  options: LoadLlamaOptions,
): Promise<readonly Tensor[]> {
  const positions = wanted.map(({ name }) => checkpoint.position(name));
  checkpoint.hashReads();
  return uploadInPlaceOrder(checkpoint.path, readersOf(checkpoint, wanted, floats), positions, device, options);
}

/** Weights with how each is read: the rows of one stored tensor follow one another, so that it is read once. */
function readersOf(
  checkpoint: Checkpoint,
  wanted: readonly WeightName[],
  floats: ReadonlySet<WeightName>,
): readonly UploadedWeight[] {
  const memory = new ReadMemory();
  let held: { readonly name: string; readonly values: Float32Array | Float64Array } | undefined;
  return wanted.map((weight) => ({
    name: weight.name,
    shape: weight.shape,
    packs: !floats.has(weight),
    async read(as) {
      const { name, shape, rows } = weight;
      if (held?.name !== name) {
        held = undefined;
        const values =
          as === "f64" ? await checkpoint.read(name, "f64", memory) : await checkpoint.read(name, "f32", memory);
        held = { name, values };
      }
      const size = sizeOf(shape);
      const first = rows === undefined ? 0 : rows.first * (size / shape[0]!);
      return held.values.subarray(first, first + size);
    },
  }));
}
