// Opening checkpoints: a safetensors file, a Hugging Face folder with one, or one cut into shards by an index.
// It does not know what the tensors mean. Every header is validated before anything is handed out.
import { type ByteSource, FileError, findPathKind, listDirectory, openFile, readJson, sha256 } from "@dual-head/bytes";
import { type Checkpoint, convertFloats } from "./checkpoint.ts";
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

interface PlacedTensor {
  readonly source: ByteSource;
  readonly entry: TensorEntry;
}

const singleName = "model.safetensors";
const indexName = "model.safetensors.index.json";

async function readHeader(source: ByteSource): Promise<SafetensorsHeader> {
  const prefix = await source.read(0, Math.min(headerPrefixSize, source.size));
  const headerSize = parseHeaderSize(prefix, source.size, source.name);
  return parseSafetensorsHeader(await source.read(0, headerPrefixSize + headerSize), source.size, source.name);
}

/** Opens several files; where one fails, those already open are closed. */
async function openFiles(paths: readonly string[]): Promise<readonly WeightFile[]> {
  const files: WeightFile[] = [];
  try {
    for (const path of paths) {
      const source = await openFile(path);
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

function createCheckpoint(
  path: string,
  files: readonly WeightFile[],
  tensors: ReadonlyMap<string, PlacedTensor>,
): Checkpoint {
  const names: readonly string[] = Object.freeze([...tensors.keys()].sort());
  const metadata: Record<string, string> = {};
  for (const { header } of files) {
    for (const [key, value] of Object.entries(header.metadata)) {
      if (!Object.hasOwn(metadata, key)) Object.defineProperty(metadata, key, { value, enumerable: true });
    }
  }
  const find = (name: string): PlacedTensor => {
    const placed = tensors.get(name);
    if (placed !== undefined) return placed;
    const message = `Cannot find tensor ${JSON.stringify(name)} in ${path}, which has ${names.length} tensors, use a checkpoint of this architecture`;
    throw new CheckpointError(message, path, { tensor: name, expected: "present", actual: "missing" });
  };
  const readRaw = async (name: string): Promise<Uint8Array<ArrayBuffer>> => {
    const { source, entry } = find(name);
    return source.read(entry.begin, entry.end - entry.begin);
  };
  function read(name: string, as: "f32"): Promise<Float32Array<ArrayBuffer>>;
  function read(name: string, as: "f64"): Promise<Float64Array<ArrayBuffer>>;
  async function read(name: string, as: "f32" | "f64"): Promise<Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>> {
    const { source, entry } = find(name);
    return convertFloats(await readRaw(name), entry, as, source.name, name);
  }
  return {
    path,
    names,
    metadata,
    has: (name) => tensors.has(name),
    spec(name) {
      const { dtype, shape } = find(name).entry;
      return { dtype, shape };
    },
    read,
    readRaw,
    sha256: () => sha256(...files.map(({ source }) => source)),
    async close(): Promise<void> {
      await Promise.all(files.map(({ source }) => source.close()));
    },
  };
}

function openSingle(path: string, file: WeightFile): Checkpoint {
  const { source, header } = file;
  return createCheckpoint(
    path,
    [file],
    new Map([...header.tensors].map(([name, entry]) => [name, { source, entry }] as const)),
  );
}

/**
 * Opens safetensors behind any byte source, which the checkpoint then owns and closes.
 *
 * @throws SafetensorsError where it is not well-formed; the source is then closed
 */
export async function openSafetensors(source: ByteSource): Promise<Checkpoint> {
  try {
    return openSingle(source.name, { source, header: await readHeader(source) });
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

async function openSharded(path: string, indexPath: string): Promise<Checkpoint> {
  const folder = indexPath.slice(0, Math.max(indexPath.lastIndexOf("/"), indexPath.lastIndexOf("\\")) + 1);
  const shardByTensor = await readIndex(indexPath);
  const shards = [...new Set(shardByTensor.values())].sort();
  for (const shard of shards) {
    if ((await findPathKind(folder + shard)) !== "file") {
      const message = `Cannot open ${path}: its index names the shard ${shard}, which is missing, fetch it`;
      throw new CheckpointError(message, indexPath, { expected: shard, actual: "missing" });
    }
  }
  const files = await openFiles(shards.map((shard) => folder + shard));
  const tensors = new Map<string, PlacedTensor>();
  for (const [tensor, shard] of shardByTensor) {
    const { source, header } = files[shards.indexOf(shard)]!;
    const entry = header.tensors.get(tensor);
    if (entry === undefined) {
      for (const file of files) await file.source.close();
      const message = `Cannot open ${path}: its index places tensor ${JSON.stringify(tensor)} in ${shard}, which does not have it, fetch index and shards again`;
      throw new CheckpointError(message, source.name, { tensor, expected: `in ${shard}`, actual: "missing" });
    }
    tensors.set(tensor, { source, entry });
  }
  return createCheckpoint(path, files, tensors);
}

/**
 * Opens a checkpoint: a folder with `model.safetensors` or `model.safetensors.index.json`, an index, or a file.
 *
 * @param path the folder, the `.safetensors` file or the index
 * @throws CheckpointError where there are no weights, a shard is missing, or a tensor is not in its shard
 * @throws SafetensorsError where a file is not well-formed
 * @throws FileError where a file cannot be read
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const kind = await findPathKind(path);
  if (kind === "missing") throw new FileError(path, "open", "there is no such file or folder, check the path");
  if (kind !== "directory") {
    if (path.endsWith(".safetensors.index.json")) return openSharded(path, path);
    const [file] = await openFiles([path]);
    return openSingle(path, file!);
  }
  const folder = path.endsWith("/") ? path : `${path}/`;
  const names = await listDirectory(path);
  if (names.includes(singleName)) {
    const [file] = await openFiles([folder + singleName]);
    return openSingle(path, file!);
  }
  if (names.includes(indexName)) return openSharded(path, folder + indexName);
  const others = names.filter((name) => /\.(safetensors|bin|gguf|pt|pth)$/.test(name));
  const expected = `${singleName} or ${indexName}`;
  const actual = others.length === 0 ? "no weight file" : others.slice(0, 5).join(", ");
  const message = `Cannot open checkpoint ${path}: it needs ${expected} but has ${actual}, name a safetensors file or convert the weights`;
  throw new CheckpointError(message, path, { expected, actual });
}
