// A model folder opened for export: its weights by their Hugging Face names, its config, and the files beside them.
// Knows neither heads nor what it is exported to.
import { readFile } from "node:fs/promises";
import {
  type GenerationConfig,
  generationConfigFrom,
  type LlamaConfig,
  llamaConfigFrom,
} from "@dual-head/backbone-llama";
import { findPathKind, listDirectory, readJson } from "@dual-head/bytes";
import { type Checkpoint, openCheckpoint, type TensorSpec } from "@dual-head/checkpoint";
import { UsageError } from "../io.ts";

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
  /** config.json as it is. */
  readonly configJson: Readonly<Record<string, unknown>>;
  readonly generation: GenerationConfig;
}

/** A tensor of what is written: from the checkpoint, or the new head. */
export interface ExportedTensor {
  readonly name: string;
  readonly spec: TensorSpec;
  /** Its numbers as f32. */
  floats(): Promise<Float32Array>;
  /** Its bytes as they are stored, or null where it is new. */
  readonly raw: (() => Promise<Uint8Array>) | null;
}

/**
 * Opens a folder for export.
 *
 * @throws UsageError where the path is no folder of a Hugging Face model
 */
export async function openSourceModel(path: string, signal: AbortSignal): Promise<SourceModel> {
  if ((await findPathKind(path)) !== "directory") {
    throw new UsageError(
      `Cannot export ${path}: it must be a Hugging Face folder (config.json, safetensors, tokenizer)`,
    );
  }
  const configPath = `${path}/config.json`;
  const json = await readJson(configPath);
  const config = llamaConfigFrom(json, configPath);
  const generationPath = `${path}/generation_config.json`;
  const generation =
    (await findPathKind(generationPath)) === "file"
      ? generationConfigFrom(await readJson(generationPath), generationPath, json)
      : generationConfigFrom(json, configPath);
  const checkpoint = await openCheckpoint(path, { signal });
  return {
    path,
    checkpoint,
    config,
    configJson: json as Readonly<Record<string, unknown>>,
    generation,
    [Symbol.asyncDispose]: () => checkpoint.close(),
  };
}

/** The tensors of the exported model, in the checkpoint's order, the new head last; frequencies that are made afresh left out. */
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
    raw: () => checkpoint.readRaw(name),
  }));
  if (head !== null) {
    const { weight, shape } = head;
    tensors.push({ name: lmHeadName, spec: { dtype: "F32", shape }, floats: async () => weight, raw: null });
  }
  return tensors;
}

const besides =
  /^(tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|added_tokens\.json|vocab\.json|merges\.txt|tokenizer\.model|chat_template\.(jinja|json)|generation_config\.json|LICENSE.*|NOTICE.*)$/;

/** Tokenizer, templates, generation config and licences of a folder, by name. */
export async function filesBeside(folder: string): Promise<readonly (readonly [string, Uint8Array])[]> {
  const names = (await listDirectory(folder)).filter((name) => besides.test(name));
  return Promise.all(names.map(async (name) => [name, await readFile(`${folder}/${name}`)] as const));
}
