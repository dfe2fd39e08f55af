// Opening safetensors: one file, or several by an index. Every header is validated before anything is handed out.
// It does not know what the tensors mean.
import { type ByteSource, findPathKind, openFile, readJson, withSignal } from "@dual-head/bytes";
import type { Checkpoint } from "./checkpoint.ts";
import { createCheckpoint, type PlacedTensor } from "./create-checkpoint.ts";
import { CheckpointError } from "./errors.ts";
import {
  headerPrefixSize,
  parseHeaderSize,
  parseSafetensorsHeader,
  type SafetensorsHeader,
  type TensorEntry,
} from "./safetensors-header.ts";

interface WeightFile {
  readonly source: ByteSource;
  readonly header: SafetensorsHeader;
}

async function readHeader(source: ByteSource): Promise<SafetensorsHeader> {
  const prefix = await source.read(0, Math.min(headerPrefixSize, source.size));
  const headerSize = parseHeaderSize(prefix, source.size, source.name);
  return parseSafetensorsHeader(await source.read(0, headerPrefixSize + headerSize), source.size, source.name);
}

/** Opens several files; where one fails, those already open are closed. */
async function openFiles(paths: readonly string[], signal: AbortSignal | undefined): Promise<readonly WeightFile[]> {
  const files: WeightFile[] = [];
  try {
    for (const path of paths) {
      const file = await openFile(path);
      const source = signal === undefined ? file : withSignal(file, signal);
      try {
        files.push({ source, header: await readHeader(source) });
      } catch (error) {
        await source.close();
        throw error;
      }
    }
  } catch (error) {
    for (const { source } of files) await source.close();
    throw error;
  }
  return files;
}

function place(source: ByteSource, entry: TensorEntry): PlacedTensor {
  return { ...entry, source, decode: null };
}

function createFrom(
  path: string,
  files: readonly WeightFile[],
  tensors: ReadonlyMap<string, PlacedTensor>,
): Checkpoint {
  const fields = new Map<string, string>();
  for (const { header } of files) {
    for (const [key, value] of Object.entries(header.metadata)) if (!fields.has(key)) fields.set(key, value);
  }
  return createCheckpoint({
    path,
    format: "safetensors",
    sources: files.map(({ source }) => source),
    fields,
    tensors,
  });
}

/**
 * Opens safetensors behind any byte source, which the checkpoint then owns and closes.
 *
 * @param path what the checkpoint is called; the source's name by default
 * @throws SafetensorsError where it is not well-formed; the source is then closed
 */
export async function openSafetensors(source: ByteSource, path: string = source.name): Promise<Checkpoint> {
  try {
    const header = await readHeader(source);
    const placed = [...header.tensors].map(([name, entry]) => [name, place(source, entry)] as const);
    return createFrom(path, [{ source, header }], new Map(placed));
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** The tensor-to-shard table of an index, in the order of the shards' names. */
async function readIndex(path: string): Promise<ReadonlyMap<string, string>> {
  const refuse = (expected: string): never => {
    throw new CheckpointError(`Cannot read the index ${path}: it must have ${expected}, fetch it again`, path, {
      expected,
    });
  };
  const index: unknown = await readJson(path);
  const map = (index as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map)) return refuse("an object weight_map");
  const shards = new Map<string, string>();
  for (const [tensor, shard] of Object.entries(map as Record<string, unknown>)) {
    // A plain name keeps a downloaded index from reaching into other folders.
    if (typeof shard !== "string" || !/^[^/\\]+\.safetensors$/.test(shard)) {
      return refuse(`a plain .safetensors file name for tensor ${JSON.stringify(tensor)}`);
    }
    shards.set(tensor, shard);
  }
  if (shards.size === 0) return refuse("at least one tensor in weight_map");
  return shards;
}

/**
 * Opens the shards that an index names, which lie beside it.
 *
 * @param path what the checkpoint is called
 * @throws CheckpointError where a shard is missing, or a tensor is not in its shard
 */
export async function openSharded(
  path: string,
  indexPath: string,
  signal: AbortSignal | undefined,
): Promise<Checkpoint> {
  const folder = indexPath.slice(0, Math.max(indexPath.lastIndexOf("/"), indexPath.lastIndexOf("\\")) + 1);
  const shardByTensor = await readIndex(indexPath);
  const shards = [...new Set(shardByTensor.values())].sort();
  for (const shard of shards) {
    if ((await findPathKind(folder + shard)) !== "file") {
      const message = `Cannot open ${path}: its index names the shard ${shard}, which is missing, fetch it`;
      throw new CheckpointError(message, indexPath, { expected: shard, actual: "missing" });
    }
  }
  const paths = shards.map((shard) => folder + shard);
  const files = await openFiles(paths, signal);
  const tensors = new Map<string, PlacedTensor>();
  for (const [tensor, shard] of shardByTensor) {
    const { source, header } = files[shards.indexOf(shard)]!;
    const entry = header.tensors.get(tensor);
    if (entry === undefined) {
      for (const file of files) await file.source.close();
      const message = `Cannot open ${path}: its index places tensor ${JSON.stringify(tensor)} in ${shard}, which does not have it, fetch index and shards again`;
      throw new CheckpointError(message, source.name, { tensor, expected: `in ${shard}`, actual: "missing" });
    }
    tensors.set(tensor, place(source, entry));
  }
  return createFrom(path, files, tensors);
}
