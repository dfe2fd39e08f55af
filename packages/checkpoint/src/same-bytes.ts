// Whether two tensors of one checkpoint are stored alike, read in parts: heads and embeddings are the largest there are.
// Knows no model.
import type { Checkpoint } from "./checkpoint.ts";

const partSize = 2 ** 22;

/**
 * Whether two tensors have the same dtype, length and bytes; holds parts of 4 MiB at a time.
 *
 * @throws CheckpointError where there is none of a name
 * @throws FileError where the medium fails
 */
export async function haveSameBytes(checkpoint: Checkpoint, first: string, second: string): Promise<boolean> {
  const size = checkpoint.byteLength(first);
  if (checkpoint.spec(first).dtype !== checkpoint.spec(second).dtype || checkpoint.byteLength(second) !== size) {
    return false;
  }
  for (let begin = 0; begin < size; begin += partSize) {
    const range = { begin, end: Math.min(size, begin + partSize) };
    const [one, other] = [await checkpoint.readRaw(first, range), await checkpoint.readRaw(second, range)];
    if (one.some((byte, index) => byte !== other[index])) return false;
  }
  return true;
}
