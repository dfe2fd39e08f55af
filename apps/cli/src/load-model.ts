// A model of any architecture, loaded or described by its headers: the only place that knows which backbone runs it.
// Knows no heads and no policy.
import type {
  Backbone,
  BackboneConfig,
  ConfigOptions,
  GenerationConfig,
  LoadOptions,
  WeightDtype,
} from "@dual-head/backbone";
import { type Gpt2Config, gpt2ConfigFrom, gpt2WeightBytes, gpt2WeightNames, loadGpt2 } from "@dual-head/backbone-gpt2";
import {
  attachDeltas,
  type LlamaConfig,
  type LoadedLlama,
  llamaConfigFrom,
  loadDeltas,
  loadLlama,
  type OpenModelOptions,
  openModelFiles,
  weightBytes,
  weightNames,
} from "@dual-head/backbone-llama";
import { type ByteSource, findPathKind, readJson } from "@dual-head/bytes";
import { type Checkpoint, openCheckpoint } from "@dual-head/checkpoint";
import { type Device, sizeOf } from "@dual-head/tensor-core";
import { freeTree } from "@dual-head/train";
import { UsageError } from "./io.ts";

/** A backbone with its parameters on a device; disposing it frees them. */
export interface LoadedModel extends Disposable {
  /** Runs `params`, whatever they are, and nothing else. */
  readonly backbone: Backbone<unknown>;
  readonly params: unknown;
  readonly config: BackboneConfig;
  /** How its matrices are held. */
  readonly dtype: WeightDtype;
  /** SHA-256 over the weight files: what heads trained on this model record. */
  readonly sha256: string;
  /** Tokens that begin and end a text. */
  readonly generation: GenerationConfig;
  readonly description: ModelDescription;
  /** The same with its kind, where it is of the LLaMA family; else null. */
  readonly llama: LoadedLlama | null;
}

/** What a config says of a model before its weights are read. */
export interface ModelDescription {
  readonly architecture: string;
  readonly config: BackboneConfig;
  readonly headCount: number;
  readonly groupCount: number;
  readonly headSize: number;
  readonly window: number | null;
  readonly parameterCount: number;
  /** Bytes that the weights take on a device. */
  weightBytes(device: Device, dtype: WeightDtype): number;
}

/**
 * Loads a GPT-2 from its folder, or a model of the LLaMA family from a folder, a GGUF or a llama2.c file.
 *
 * @throws as loadGpt2 and loadLlama do
 */
export async function loadModel(path: string, device: Device, options: LoadOptions): Promise<LoadedModel> {
  const json = await readConfig(path);
  if (isGpt2(json)) {
    const loaded = await loadGpt2(path, device, options);
    return { ...loaded, description: describeGpt2(loaded.config), llama: null };
  }
  const llama = await loadLlama(path, device, options);
  return { ...llama, description: describeLlama(llama.config), llama };
}

/** Low-rank changes of another model; carries the hashes of that model's files and of this one's. */
export class AdapterMismatchError extends UsageError {
  override readonly name: string = "AdapterMismatchError";
  readonly folder: string;
  readonly expected: string;
  readonly actual: string;

  constructor(folder: string, expected: string, actual: string) {
    super(
      `Cannot attach ${folder}: it was trained on a model of SHA-256 ${expected} and this one has ${actual}; use the model it was trained on`,
    );
    this.folder = folder;
    this.expected = expected;
    this.actual = actual;
  }
}

/** Changes that this program trained name their model; those of others do not, and are taken at their word. */
async function checkBase(folder: string, sha256: string): Promise<void> {
  const checkpoint = await openCheckpoint(`${folder}/adapter_model.safetensors`);
  const { backboneSha256 = sha256 } = checkpoint.metadata;
  await checkpoint.close();
  if (backboneSha256 !== sha256) throw new AdapterMismatchError(folder, backboneSha256, sha256);
}

/**
 * The model with the changes of a PEFT folder; disposing it frees the changes, the model stays its holder's.
 *
 * @throws UsageError for a model that is not of the LLaMA family, AdapterMismatchError where the changes say that they were
 * trained on another model, and as loadDeltas does
 */
export async function attachAdapter(model: LoadedModel, folder: string, device: Device): Promise<LoadedModel> {
  const { llama } = model;
  if (llama === null) {
    throw new UsageError(`Cannot attach ${folder}: adapters are read for the LLaMA family only; use such a model`);
  }
  await checkBase(folder, llama.sha256);
  const deltas = await loadDeltas(folder, llama.config, device);
  const changed = { ...llama, params: attachDeltas(llama.params, deltas), [Symbol.dispose]: () => freeTree(deltas) };
  return { ...changed, description: model.description, llama: changed };
}

/** Describes the same by headers alone; the caller closes the checkpoint. */
export async function openDescribed(
  model: string | ByteSource,
  options: OpenModelOptions,
): Promise<{ readonly description: ModelDescription; readonly checkpoint: Checkpoint }> {
  const json = typeof model === "string" ? await readConfig(model) : null;
  if (typeof model === "string" && isGpt2(json)) {
    const description = describeConfig(json, configPath(model), options);
    return { description, checkpoint: await openCheckpoint(model, { signal: options.signal }) };
  }
  const { config, checkpoint } = await openModelFiles(model, options);
  return { description: describeLlama(config), checkpoint };
}

/** Describes a model by its parsed config.json; `path` is for messages. */
export function describeConfig(json: unknown, path: string, options: ConfigOptions): ModelDescription {
  return isGpt2(json)
    ? describeGpt2(gpt2ConfigFrom(json, path, options))
    : describeLlama(llamaConfigFrom(json, path, options));
}

/** Whether a parsed config.json is that of a GPT-2. */
export function isGpt2(json: unknown): boolean {
  return (json as { readonly model_type?: unknown } | null)?.model_type === "gpt2";
}

/** Where the config of a folder lies. */
export function configPath(folder: string): string {
  return `${folder.endsWith("/") ? folder : `${folder}/`}config.json`;
}

/** The config of a folder; null where there is none, for the loader to say what it lacks. */
export async function readConfig(model: string): Promise<unknown> {
  const path = configPath(model);
  return (await findPathKind(path)) === "file" ? readJson(path) : null;
}

function describeLlama(config: LlamaConfig): ModelDescription {
  const { architecture, headCount, groupCount, headSize, window } = config;
  return {
    ...{ architecture, config, headCount, groupCount, headSize, window },
    parameterCount: countOf(weightNames(config)),
    weightBytes: (device, dtype) => weightBytes(config, device, dtype),
  };
}

function describeGpt2(config: Gpt2Config): ModelDescription {
  const { headCount, hiddenSize } = config;
  const headSize = hiddenSize / headCount;
  return {
    ...{ architecture: "gpt2", config, headCount, groupCount: headCount, headSize, window: null },
    parameterCount: countOf(gpt2WeightNames(config)),
    weightBytes: (device, dtype) => gpt2WeightBytes(config, device, dtype),
  };
}

function countOf(weights: readonly { readonly shape: readonly number[] }[]): number {
  return weights.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}
