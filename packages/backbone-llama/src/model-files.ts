// What a model's files say, whatever their format: config, tokens that begin and end a text, and weights under the names
// and in the order of rows of Hugging Face. Knows no device.

import { type ConfigOptions, type GenerationConfig, generationConfigFrom } from "@dual-head/backbone";
import { type ByteSource, findPathKind, readJson } from "@dual-head/bytes";
import { type Checkpoint, type OpenBeside, openCheckpoint } from "@dual-head/checkpoint";
import { type LlamaConfig, llamaConfigFrom } from "./config.ts";
import { ggufModel } from "./gguf-model.ts";
import { llama2cModel } from "./llama2c-model.ts";
import { type ModelDescription, renameTensors } from "./renamed-checkpoint.ts";

/** A model's files, opened; closing the checkpoint closes them. */
export interface ModelFiles {
  readonly config: LlamaConfig;
  readonly generation: GenerationConfig;
  /** Weights under Hugging Face's names. */
  readonly checkpoint: Checkpoint;
}

/** Options of openModelFiles. */
export interface OpenModelOptions extends ConfigOptions {
  /** Ends every read. */
  readonly signal?: AbortSignal | undefined;
  /** How the other parts are opened where a byte source is one of a GGUF model in parts. */
  readonly openBeside?: OpenBeside | undefined;
}

/**
 * Opens a model: a Hugging Face folder or weights in one beside their config.json, a GGUF file, a model of llama2.c.
 *
 * @param model a path, or a byte source of a file that describes itself (GGUF, llama2.c)
 * @throws ConfigError, CheckpointError, FileError and the errors of the formats; what was opened is then closed
 */
export async function openModelFiles(model: string | ByteSource, options: OpenModelOptions = {}): Promise<ModelFiles> {
  const { signal, openBeside } = options;
  if (typeof model === "string" && (await findPathKind(model)) === "directory") {
    const described = await readFolder(model.endsWith("/") ? model : `${model}/`, options);
    return { ...described, checkpoint: await openCheckpoint(model, { signal }) };
  }
  const checkpoint = await openCheckpoint(model, { signal, openBeside });
  try {
    if (checkpoint.format === "safetensors") {
      const path = typeof model === "string" ? model : checkpoint.path;
      const folder = path.slice(0, Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
      return { ...(await readFolder(folder, options)), checkpoint };
    }
    const described: ModelDescription =
      checkpoint.format === "gguf" ? await ggufModel(checkpoint) : llama2cModel(checkpoint);
    return {
      config: llamaConfigFrom(described.json, checkpoint.path, options),
      generation: described.generation,
      checkpoint: renameTensors(checkpoint, described.nameOf, described.headCountOf),
    };
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

async function readFolder(folder: string, options: ConfigOptions): Promise<Omit<ModelFiles, "checkpoint">> {
  const configPath = `${folder}config.json`;
  const json = await readJson(configPath);
  const config = llamaConfigFrom(json, configPath, options);
  const path = `${folder}generation_config.json`;
  const generation =
    (await findPathKind(path)) === "file"
      ? generationConfigFrom(await readJson(path), path, json)
      : generationConfigFrom(json, configPath);
  return { config, generation };
}
