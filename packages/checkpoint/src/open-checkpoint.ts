// Opening a checkpoint whatever its format: the one place that knows all of them.
// It does not know what the tensors mean.
import { type ByteSource, FileError, findPathKind, openFile, withSignal } from "@dual-head/bytes";
import type { Checkpoint } from "./checkpoint.ts";
import { CheckpointError } from "./errors.ts";
import { findFolderWeights, formatHeadSize, indexName, recogniseFormat } from "./format.ts";
import { type OpenBeside, openGguf } from "./gguf/open.ts";
import { openLlama2c } from "./llama2c/open.ts";
import { openSafetensors, openSharded } from "./open-safetensors.ts";

/** Options of openCheckpoint. */
export interface OpenCheckpointOptions {
  /** Ends every read of the checkpoint, also within a long one. */
  readonly signal?: AbortSignal | undefined;
  /** How the other parts of a GGUF model in parts are opened, where a byte source is given; of a path, those beside it. */
  readonly openBeside?: OpenBeside | undefined;
}

/**
 * Opens a checkpoint: a folder with `model.safetensors` or `model.safetensors.index.json`, such an index, or a file of
 * safetensors, GGUF or llama2.c, told by its bytes; of a GGUF model in parts any part, the others beside it.
 *
 * @param model the path, or a byte source of such a file, which the checkpoint then owns
 * @throws CheckpointError where there are no weights that can be read, a shard is missing, or a tensor is not in its shard
 * @throws SafetensorsError, GgufError, Llama2cError where a file is not well-formed
 * @throws FileError where a file cannot be read
 */
export async function openCheckpoint(
  model: string | ByteSource,
  { signal, openBeside }: OpenCheckpointOptions = {},
): Promise<Checkpoint> {
  signal?.throwIfAborted();
  if (typeof model !== "string") return openSource(model, null, signal, openBeside);
  const kind = await findPathKind(model);
  if (kind === "missing") throw new FileError(model, "open", "there is no such file or folder, check the path");
  if (kind !== "directory") return openSource(await openFile(model), model, signal, besides(model, signal));
  const folder = model.endsWith("/") ? model : `${model}/`;
  const weights = await findFolderWeights(model);
  if (weights === indexName) return openSharded(model, folder + weights, signal);
  return openSafetensors(abortable(await openFile(folder + weights), signal), model);
}

/** Opens files of the same folder. */
function besides(path: string, signal: AbortSignal | undefined): OpenBeside {
  const folder = path.slice(0, Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
  return async (name) => {
    if ((await findPathKind(folder + name)) !== "file") return null;
    return abortable(await openFile(folder + name), signal);
  };
}

function abortable(source: ByteSource, signal: AbortSignal | undefined): ByteSource {
  return signal === undefined ? source : withSignal(source, signal);
}

/** Opens one file; an index leads to others beside it and so needs the file's path. */
async function openSource(
  given: ByteSource,
  path: string | null,
  signal: AbortSignal | undefined,
  openBeside: OpenBeside | undefined,
): Promise<Checkpoint> {
  const source = abortable(given, signal);
  let format: ReturnType<typeof recogniseFormat>;
  try {
    format = recogniseFormat(await source.read(0, Math.min(formatHeadSize, source.size)), source.size, source.name);
  } catch (error) {
    await source.close();
    throw error;
  }
  if (format === "gguf") return openGguf(source, openBeside);
  if (format === "llama2c") return openLlama2c(source);
  if (format === "safetensors") return openSafetensors(source);
  await source.close();
  if (path !== null) return openSharded(path, path, signal);
  const message = `Cannot open ${source.name}: it is an index of shards, open it by its path`;
  throw new CheckpointError(message, source.name, { expected: "one file with weights", actual: "an index" });
}
