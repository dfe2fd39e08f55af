// A model opened for export: its weights by their Hugging Face names, its config, and the files beside them.
// Knows neither heads nor what it is exported to.
import { readFile } from "node:fs/promises";
import {
  type GenerationConfig,
  type LlamaConfig,
  llamaConfigJson,
  type OpenModelOptions,
  openModelFiles,
} from "@dual-head/backbone-llama";
import { findPathKind, listDirectory, readJson } from "@dual-head/bytes";
import type { Checkpoint, TensorSpec } from "@dual-head/checkpoint";

/** The name of the head's weight. */
export const lmHeadName = "lm_head.weight";
/** The name of the embedding's weight, which is the head's as well where they are tied. */
export const embeddingName = "model.embed_tokens.weight";

/** A matrix in the place of the model's own head. */
export interface ReplacedHead {
  readonly shape: readonly number[];
  readonly weight: Float32Array;
}

/** A model to be exported. */
export interface SourceModel extends AsyncDisposable {
  readonly path: string;
  readonly checkpoint: Checkpoint;
  readonly config: LlamaConfig;
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
  const { config, generation, checkpoint } = await openModelFiles(path, options);
  const isFolder = (await findPathKind(path)) === "directory";
  const configJson = isFolder
    ? ((await readJson(`${path}/config.json`)) as Readonly<Record<string, unknown>>)
    : llamaConfigJson(config, "F32", generation);
  return {
    path,
    checkpoint,
    config,
    configJson,
    generation,
    isFolder,
    [Symbol.asyncDispose]: () => checkpoint.close(),
  };
}

/** The tensors of the exported model, those of the checkpoint first; frequencies that are made afresh left out. */
export function exportedTensors(
  { checkpoint, config }: SourceModel,
  head: ReplacedHead | null,
): readonly ExportedTensor[] {
  const kept = checkpoint.names.filter(
    (name) =>
      !name.endsWith("rotary_emb.inv_freq") && !(name === lmHeadName && (head !== null || config.tiedEmbeddings)),
  );
  const tensors: ExportedTensor[] = kept.map((name) => ({
    name,
    spec: checkpoint.spec(name),
    floats: () => checkpoint.read(name, "f32"),
    raw: checkpoint.format === "safetensors" ? () => checkpoint.readRaw(name) : null,
  }));
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
