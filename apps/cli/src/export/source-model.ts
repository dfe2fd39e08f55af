// A model opened for export: its weights by their Hugging Face names, its config, and the files beside them.
// Knows neither heads nor what it is exported to.
import { readFile } from "node:fs/promises";
import { type BackboneConfig, type GenerationConfig, generationConfigFrom } from "@dual-head/backbone";
import { gpt2ConfigFrom } from "@dual-head/backbone-gpt2";
import { type LlamaConfig, llamaConfigJson, type OpenModelOptions, openModelFiles } from "@dual-head/backbone-llama";
import { findPathKind, listDirectory } from "@dual-head/bytes";
import { type Checkpoint, openCheckpoint, type TensorSpec } from "@dual-head/checkpoint";
import { configPath, isGpt2, readConfig } from "../load-model.ts";

/** The name of the head's weight. */
export const lmHeadName = "lm_head.weight";

/** A matrix in the place of the model's own head. */
export interface ReplacedHead {
  readonly shape: readonly number[];
  readonly weight: Float32Array;
}

/** A model to be exported. */
export interface SourceModel extends AsyncDisposable {
  readonly path: string;
  readonly checkpoint: Checkpoint;
  readonly config: BackboneConfig & { readonly tiedEmbeddings: boolean };
  /** All of the config where the model is of the LLaMA family; else null. */
  readonly llama: LlamaConfig | null;
  /** The stored name of the embedding's weight, which is the head's as well where they are tied. */
  readonly embeddingName: string;
  /** The name that a stored tensor is written under, or null for one that is made afresh. */
  readonly nameOf: (stored: string) => string | null;
  /** config.json as it is, or as it would be for a file that has none. */
  readonly configJson: Readonly<Record<string, unknown>>;
  readonly generation: GenerationConfig;
  /** Whether the path is a Hugging Face folder. */
  readonly isFolder: boolean;
}

/** A tensor of what is written: from the checkpoint, or the new head. */
export interface ExportedTensor {
  readonly name: string;
  readonly spec: TensorSpec;
  /** Its numbers as f32. */
  floats(): Promise<Float32Array>;
  /** Its bytes as a Hugging Face folder stores them, or null where they are not. */
  readonly raw: (() => Promise<Uint8Array>) | null;
}

/**
 * Opens a model for export.
 *
 * @throws ConfigError, CheckpointError or FileError where it cannot be read
 */
export async function openSourceModel(path: string, options: OpenModelOptions): Promise<SourceModel> {
  const isFolder = (await findPathKind(path)) === "directory";
  const json = await readConfig(path);
  if (isGpt2(json)) return openGpt2(path, json as Readonly<Record<string, unknown>>, options);
  const { config, generation, checkpoint } = await openModelFiles(path, options);
  return {
    path,
    checkpoint,
    config,
    llama: config,
    embeddingName: "model.embed_tokens.weight",
    nameOf: (stored) => (stored.endsWith("rotary_emb.inv_freq") ? null : stored),
    configJson: isFolder ? (json as Readonly<Record<string, unknown>>) : llamaConfigJson(config, "F32", generation),
    generation,
    isFolder,
    [Symbol.asyncDispose]: () => checkpoint.close(),
  };
}

/** A GPT-2, whose body is written under the name that models with a head give it. */
async function openGpt2(
  path: string,
  json: Readonly<Record<string, unknown>>,
  options: OpenModelOptions,
): Promise<SourceModel> {
  const label = configPath(path);
  const config = gpt2ConfigFrom(json, label, options);
  const checkpoint = await openCheckpoint(path, { signal: options.signal });
  const own = "transformer.";
  const isPrefixed = checkpoint.has(`${own}wte.weight`);
  return {
    path,
    checkpoint,
    config,
    llama: null,
    embeddingName: isPrefixed ? `${own}wte.weight` : "wte.weight",
    nameOf(stored) {
      // Causal masks.
      if (/(?:^|\.)attn\.(?:bias|masked_bias)$/.test(stored)) return null;
      return isPrefixed || stored === lmHeadName ? stored : own + stored;
    },
    configJson: isPrefixed ? json : { ...json, architectures: ["GPT2LMHeadModel"] },
    generation: generationConfigFrom(json, label),
    isFolder: true,
    [Symbol.asyncDispose]: () => checkpoint.close(),
  };
}

/** The tensors of the exported model, those of the checkpoint first; what is made afresh is left out. */
export function exportedTensors(
  { checkpoint, config, nameOf }: SourceModel,
  head: ReplacedHead | null,
): readonly ExportedTensor[] {
  const tensors = checkpoint.names.flatMap((stored): readonly ExportedTensor[] => {
    const name = nameOf(stored);
    if (name === null || (name === lmHeadName && (head !== null || config.tiedEmbeddings))) return [];
    const raw = checkpoint.format === "safetensors" ? () => checkpoint.readRaw(stored) : null;
    return [{ name, spec: checkpoint.spec(stored), floats: () => checkpoint.read(stored, "f32"), raw }];
  });
  if (head !== null) {
    const { weight, shape } = head;
    tensors.push({ name: lmHeadName, spec: { dtype: "F32", shape }, floats: async () => weight, raw: null });
  }
  return tensors;
}

const besides =
  /^(tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|added_tokens\.json|vocab\.json|merges\.txt|tokenizer\.model|spiece\.model|chat_template\.(jinja|json)|generation_config\.json|LICENSE.*|NOTICE.*)$/;

/** Tokenizer, templates, generation config and licences of a folder, by name. */
export async function filesBeside(folder: string): Promise<readonly (readonly [string, Uint8Array])[]> {
  const names = (await listDirectory(folder)).filter((name) => besides.test(name));
  return Promise.all(names.map(async (name) => [name, await readFile(`${folder}/${name}`)] as const));
}
