// A Hugging Face folder to a GPT-2 on a device, or to a classifier of texts. Weights are read and uploaded one at a time,
// turned to rows of outputs, and none is ignored in silence. Knows no tokenizer.
import {
  type Backbone,
  classifierLabelsFrom,
  type GenerationConfig,
  generationConfigFrom,
  type LoadOptions,
  type ScoreModel,
  type UploadedWeight,
  uploadInPlaceOrder,
  type WeightDtype,
} from "@dual-head/backbone";
import { findPathKind, readJson } from "@dual-head/bytes";
import {
  type Checkpoint,
  CheckpointError,
  checkTensor,
  haveSameBytes,
  openCheckpoint,
  ReadMemory,
} from "@dual-head/checkpoint";
import type { Device, Tensor } from "@dual-head/tensor-core";
import { type Gpt2Config, gpt2ConfigFrom } from "./config.ts";
import { createGpt2 } from "./gpt2.ts";
import {
  createGpt2Tree,
  embeddingName,
  type Gpt2Params,
  type Gpt2WeightName,
  gpt2WeightNames,
  ignoredTensors,
  isPackable,
  lmHeadName,
  storedShape,
} from "./params.ts";

/** A model read from disk; disposing it frees its parameters. */
export interface LoadedGpt2 extends Disposable {
  readonly backbone: Backbone<Gpt2Params>;
  readonly params: Gpt2Params;
  readonly config: Gpt2Config;
  /** How its matrices are held; learned positions are always floats. */
  readonly dtype: WeightDtype;
  /** SHA-256 over the weight files one after the other, hexadecimal. */
  readonly sha256: string;
  /** Tokens that begin and end a text, from generation_config.json, else config.json. */
  readonly generation: GenerationConfig;
}

/** A classifier of texts read from disk, such as a reward model; disposing it frees its parameters. */
export interface LoadedGpt2Classifier extends LoadedGpt2, ScoreModel<Gpt2Params> {
  /** Names of the labels, in the order of the scores. */
  readonly labels: readonly string[];
}

const scoreName = "score.weight";

/**
 * Loads a GPT-2 from a Hugging Face folder (config.json and safetensors), matrices in the dtype asked for.
 *
 * @throws ConfigError where the config cannot be run
 * @throws CheckpointError where a tensor is missing, has another shape, or is not used by this architecture
 * @throws DeviceError where the weights are more than the device can hold, before any is read
 * @throws FileError, SafetensorsError where a file cannot be read
 */
export async function loadGpt2(directory: string, device: Device, options: LoadOptions = {}): Promise<LoadedGpt2> {
  const { model } = await load(directory, device, options, false);
  return model;
}

/**
 * Loads a GPT-2 with a score for each label of a text: a sequence classifier, or a reward model where there is one label.
 *
 * @throws as loadGpt2 does
 */
export async function loadGpt2Classifier(
  directory: string,
  device: Device,
  options: LoadOptions = {},
): Promise<LoadedGpt2Classifier> {
  const { model, score, json, configPath } = await load(directory, device, options, true);
  return { ...model, ...classifierLabelsFrom(json, configPath), score: score! };
}

async function load(directory: string, device: Device, options: LoadOptions, classifies: boolean) {
  const folder = directory.endsWith("/") ? directory : `${directory}/`;
  const configPath = `${folder}config.json`;
  const json = await readJson(configPath);
  // A classifier has no other head than its own.
  const config = { ...gpt2ConfigFrom(json, configPath, options), ...(classifies ? { tiedEmbeddings: true } : {}) };
  const generationPath = `${folder}generation_config.json`;
  const generation =
    (await findPathKind(generationPath)) === "file"
      ? generationConfigFrom(await readJson(generationPath), generationPath, json)
      : generationConfigFrom(json, configPath);
  const checkpoint = await openCheckpoint(directory, { signal: options.signal });
  const labels = classifies ? classifierLabelsFrom(json, configPath).labels : null;
  const loaded = await loadWeights(checkpoint, config, generation, labels, device, options);
  return { ...loaded, json, configPath };
}

/**
 * Loads what a checkpoint holds, which is closed in the end. Files are read through once, and hashed in passing.
 *
 * @param labels of a classifier; null for a model with the head of its config
 */
export async function loadWeights(
  checkpoint: Checkpoint,
  config: Gpt2Config,
  generation: GenerationConfig,
  labels: readonly string[] | null,
  device: Device,
  options: LoadOptions,
): Promise<{ readonly model: LoadedGpt2; readonly score: Tensor | undefined }> {
  try {
    const weights = [...gpt2WeightNames(config)];
    if (labels !== null) weights.push({ name: scoreName, shape: [labels.length, config.hiddenSize] });
    // Models with a head keep their body under a name of its own; the published GPT-2 does not.
    const prefix = checkpoint.has(`transformer.${embeddingName}`) ? "transformer." : "";
    const nameOf = (name: string) => (name === lmHeadName || name === scoreName ? name : prefix + name);
    await checkNames(checkpoint, weights, nameOf, config);
    checkpoint.hashReads();
    const tensors = await uploadInPlaceOrder(
      checkpoint.path,
      readersOf(checkpoint, weights, nameOf),
      weights.map(({ name }) => checkpoint.position(nameOf(name))),
      device,
      options,
    );
    const dispose = () => {
      for (const tensor of tensors) tensor.dispose();
    };
    try {
      // The tree asks for its weights in the order of their names; the score comes last.
      const next = tensors.values();
      const params = createGpt2Tree(config, () => next.next().value!);
      const sha256 = await checkpoint.sha256();
      options.signal?.throwIfAborted();
      const model: LoadedGpt2 = {
        backbone: createGpt2(config),
        params,
        config,
        dtype: options.dtype ?? "f32",
        sha256,
        generation,
        [Symbol.dispose]: dispose,
      };
      return { model, score: next.next().value as Tensor | undefined };
    } catch (error) {
      dispose();
      throw error;
    }
  } finally {
    await checkpoint.close();
  }
}

/** Weights with how each is read: the columns of one stored tensor follow one another, so that it is read once. */
function readersOf(
  checkpoint: Checkpoint,
  weights: readonly Gpt2WeightName[],
  nameOf: (name: string) => string,
): readonly UploadedWeight[] {
  const [memory, rows] = [new ReadMemory(), new ReadMemory()];
  let held: { readonly name: string; readonly values: Float32Array | Float64Array } | undefined;
  return weights.map((weight) => {
    const { shape, columns } = weight;
    const name = nameOf(weight.name);
    return {
      name,
      shape,
      packs: isPackable(weight),
      async read(as) {
        if (held?.name !== name) {
          held = undefined;
          const values =
            as === "f64" ? await checkpoint.read(name, "f64", memory) : await checkpoint.read(name, "f32", memory);
          held = { name, values };
        }
        const { values } = held;
        if (columns === undefined) return values;
        const [outSize, inSize = 1] = shape as [number, number?];
        const into = as === "f64" ? new Float64Array(outSize * inSize) : rows.floats(outSize * inSize);
        turnColumns(values, inSize, columns, into);
        return into;
      },
    };
  });
}

/** Rows that are written side by side: as many as the numbers of one line of a processor's cache. */
const sideBySide = 16;

/** Columns of [in, count] as rows [out, in]; of a bias, its part. */
function turnColumns(
  values: Float32Array | Float64Array,
  inSize: number,
  { first, count }: { readonly first: number; readonly count: number },
  into: Float32Array | Float64Array,
): void {
  const outSize = into.length / inSize;
  for (let begin = 0; begin < outSize; begin += sideBySide) {
    const end = Math.min(outSize, begin + sideBySide);
    for (let k = 0; k < inSize; k++) {
      for (let row = begin; row < end; row++) into[row * inSize + k] = values[k * count + first + row]!;
    }
  }
}

/** Checks, before anything is uploaded, that the tensors are those of the config, no fewer and no more. */
async function checkNames(
  checkpoint: Checkpoint,
  weights: readonly Gpt2WeightName[],
  nameOf: (name: string) => string,
  { vocabSize, hiddenSize }: Gpt2Config,
): Promise<void> {
  for (const weight of weights) checkTensor(checkpoint, nameOf(weight.name), storedShape(weight));
  const known = new Set(weights.map(({ name }) => nameOf(name)));
  for (const name of checkpoint.names) {
    if (known.has(name) || ignoredTensors.some((pattern) => pattern.test(name))) continue;
    const refuse = (actual: string, remedy: string): never => {
      throw new CheckpointError(
        `Cannot load ${checkpoint.path}: tensor ${JSON.stringify(name)} ${actual}; ${remedy}`,
        checkpoint.path,
        { tensor: name, expected: "absent", actual: "present" },
      );
    };
    if (name === scoreName) refuse("is the head of a classifier of texts", "load it with loadGpt2Classifier");
    if (name !== lmHeadName || known.has(scoreName)) {
      refuse("is not part of a gpt2 model of this config", "check that config and weights belong together");
    }
    // A tied checkpoint may repeat its embedding as head; another head there would be lost.
    checkTensor(checkpoint, lmHeadName, [vocabSize, hiddenSize]);
    if (!(await haveSameBytes(checkpoint, lmHeadName, nameOf(embeddingName)))) {
      refuse("differs from the embedding although the config ties them", "set tie_word_embeddings to false");
    }
  }
}
