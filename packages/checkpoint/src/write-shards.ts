// Writing a checkpoint into a folder, in one safetensors file or several with an index, as transformers divides them.
// It does not know what the tensors are for.
import { writeFileAtomic } from "@dual-head/bytes";
import { bitsByDtype, elementCountOf } from "./dtype.ts";
import { indexName, singleName } from "./format.ts";
import { type DeferredTensor, type StoredTensor, writeSafetensors } from "./safetensors-write.ts";

/** Options of {@link writeShards}. */
export interface WriteShardsOptions {
  /** The most bytes of weights a file holds, unless a single tensor is larger; 5e9. */
  readonly shardBytes?: number;
  /** The `__metadata__` of every file. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes tensors into a folder as `openCheckpoint` reads them: `model.safetensors`, or where that would be too large
 * `model-0000I-of-0000N.safetensors` with `model.safetensors.index.json`, which is written last. Tensors stay in their
 * order from shard to shard; deferred ones are in memory one at a time.
 *
 * @param folder where the files shall be; it must exist, and hold no weights of another division
 * @throws CheckpointError, FileError as {@link writeSafetensors}
 */
export async function writeShards(
  folder: string,
  tensors: Readonly<Record<string, StoredTensor | DeferredTensor>>,
  { shardBytes = 5e9, metadata = {} }: WriteShardsOptions = {},
): Promise<void> {
  const shards: [string, StoredTensor | DeferredTensor][][] = [[]];
  let [size, total] = [0, 0];
  for (const [name, tensor] of Object.entries(tensors)) {
    const bytes = (elementCountOf(tensor.shape) * bitsByDtype.get(tensor.dtype)!) / 8;
    if (size > 0 && size + bytes > shardBytes) {
      shards.push([]);
      size = 0;
    }
    shards.at(-1)!.push([name, tensor]);
    size += bytes;
    total += bytes;
  }
  if (shards.length === 1) return writeSafetensors(`${folder}/${singleName}`, tensors, metadata);
  const files: [string, string][] = [];
  const digits = (count: number) => `${count}`.padStart(5, "0");
  for (const [index, entries] of shards.entries()) {
    const file = `model-${digits(index + 1)}-of-${digits(shards.length)}.safetensors`;
    await writeSafetensors(`${folder}/${file}`, Object.fromEntries(entries), metadata);
    for (const [name] of entries) files.push([name, file]);
  }
  const weightMap = Object.fromEntries(files.sort(([a], [b]) => (a < b ? -1 : 1)));
  const index = { metadata: { total_size: total }, weight_map: weightMap };
  return writeFileAtomic(`${folder}/${indexName}`, `${JSON.stringify(index, null, 2)}\n`);
}
