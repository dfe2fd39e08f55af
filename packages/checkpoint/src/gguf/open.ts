// GGUF behind any byte source as a Checkpoint. Knows no architecture.
import type { ByteSource } from "@dual-head/bytes";
import type { Checkpoint } from "../checkpoint.ts";
import { createCheckpoint } from "../create-checkpoint.ts";
import { CheckpointError } from "../errors.ts";
import { readGgufHeader } from "./header.ts";
import { ggufTypes } from "./types.ts";

/**
 * Opens GGUF of version 2 or 3 behind any byte source, which the checkpoint then owns and closes.
 *
 * @throws GgufError where it is not well-formed; the source is then closed
 * @throws CheckpointError where it is one part of several
 * @throws FileError where the source fails
 */
export async function openGguf(source: ByteSource): Promise<Checkpoint> {
  try {
    const { metadata, tensors } = await readGgufHeader(source);
    const partCount = metadata.get("split.count") ?? 1;
    if (partCount !== 1 && partCount !== 0) {
      const message = `Cannot open ${source.name}: it is one of ${String(partCount)} parts, join them into one file (llama-gguf-split --merge)`;
      throw new CheckpointError(message, source.name, {
        expected: "a whole file",
        actual: `${String(partCount)} parts`,
      });
    }
    const placed = [...tensors].map(([name, entry]) => {
      const { blockSize, decode } = ggufTypes[entry.dtype];
      return [name, { ...entry, source, decode: blockSize === 1 ? null : decode }] as const;
    });
    return createCheckpoint({
      path: source.name,
      format: "gguf",
      sources: [source],
      fields: metadata,
      tensors: new Map(placed),
    });
  } catch (error) {
    await source.close();
    throw error;
  }
}
