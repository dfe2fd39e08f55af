// A Hugging Face folder to a backbone with parameters on a device. Weights are read and uploaded one at a time, and
// none is ignored in silence. Knows no tokenizer.
import type { Backbone } from "@dual-head/backbone";
import { findPathKind, readJson } from "@dual-head/bytes";
import { type Checkpoint, CheckpointError, checkTensor, openCheckpoint } from "@dual-head/checkpoint";
import { byteLengthOf, type Device, DeviceError, sizeOf, type Tensor } from "@dual-head/tensor-core";
import { type LlamaConfig, llamaConfigFrom } from "./config.ts";
import { type GenerationConfig, generationConfigFrom } from "./generation-config.ts";
import { createLlama } from "./llama.ts";
import {
  createLlamaTree,
  ignoredTensors,
  type LlamaParams,
  lmHeadName,
  matrixDtype,
  storedShape,
  type WeightDtype,
  weightBytes,
  weightDtypes,
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

/** One step of loading: a tensor is on the device. */
export interface LoadProgress {
  readonly tensor: string;
  /** Bytes on the device so far, and in the end. */
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

/** Options of loadLlama. */
export interface LoadLlamaOptions {
  /** How matrices are held on the device, default "f32"; norms and biases are always floats. */
  readonly dtype?: WeightDtype | undefined;
  /** Stops between two tensors; what was uploaded is freed and the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
}

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
    const tensors = await upload(checkpoint, config, device, options);
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

/** Throws before anything is read where the weights are more than the device can still hold. */
function checkRoom(path: string, config: LlamaConfig, device: Device, dtype: WeightDtype): void {
  const { maximumBytes } = device.info.limits;
  if (maximumBytes === undefined) return;
  const room = maximumBytes - device.stats.bytes;
  const wanted = weightBytes(config, device, dtype);
  if (wanted <= room) return;
  const fitting = weightDtypes.filter((other) => weightBytes(config, device, other) <= room);
  const remedy = fitting.length > 0 ? `load it as ${fitting.join(", ")}` : "use a smaller model or another device";
  throw new DeviceError(
    device.name,
    `Cannot load ${path} as ${dtype}: its weights take ${wanted} bytes and the ${device.name} device has room for ${room} of ${maximumBytes}; ${remedy}`,
  );
}

async function upload(
  checkpoint: Checkpoint,
  config: LlamaConfig,
  device: Device,
  { dtype = "f32", signal, onProgress }: LoadLlamaOptions,
): Promise<readonly Tensor[]> {
  const { floatDtype } = device;
  const dtypeOf = (shape: readonly number[]) => matrixDtype(device, dtype, shape);
  const weights = weightNames(config);
  const totalBytes = weightBytes(config, device, dtype);
  checkRoom(checkpoint.path, config, device, dtype);
  const tensors: Tensor[] = [];
  let loadedBytes = 0;
  try {
    // The rows of one stored tensor follow one another: it is read once, and let go with the next.
    let stored: { readonly name: string; readonly values: Float32Array | Float64Array } | undefined;
    for (const { name, shape, rows } of weights) {
      signal?.throwIfAborted();
      if (stored?.name !== name) {
        stored = undefined;
        stored = {
          name,
          values: await (floatDtype === "f64" ? checkpoint.read(name, "f64") : checkpoint.read(name, "f32")),
        };
      }
      const size = sizeOf(shape);
      const first = rows === undefined ? 0 : rows.first * (size / shape[0]!);
      const tensor = device.keep(device.tensor(stored.values.subarray(first, first + size), shape, dtypeOf(shape)));
      tensors.push(tensor);
      loadedBytes += byteLengthOf(tensor);
      onProgress?.({ tensor: name, loadedBytes, totalBytes });
    }
    return tensors;
  } catch (error) {
    disposeAll(tensors);
    throw error;
  }
}
