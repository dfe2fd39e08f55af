// A llama2.c model behind any byte source as a Checkpoint. Knows no architecture.
import type { ByteSource } from "@dual-head/bytes";
import type { Checkpoint } from "../checkpoint.ts";
import { createCheckpoint } from "../create-checkpoint.ts";
import { llama2cHeaderSize, parseLlama2cHeader, placeLlama2cTensors } from "./header.ts";

/**
 * Opens a model file of llama2.c (legacy, version 1 or 2) behind any byte source, which the checkpoint then owns.
 *
 * Tensors have Meta's names and rows as the file has them; the header's numbers are the checkpoint's fields
 * (`version`, `dim`, `hidden_dim`, `n_layers`, `n_heads`, `n_kv_heads`, `vocab_size`, `max_seq_len`,
 * `shared_classifier` and, in version 2, `group_size`).
 *
 * @throws Llama2cError where it is none; the source is then closed
 * @throws FileError where the source fails
 */
export async function openLlama2c(source: ByteSource): Promise<Checkpoint> {
  try {
    const head = await source.read(0, Math.min(llama2cHeaderSize, source.size));
    const header = parseLlama2cHeader(head, source.size, source.name);
    const { groupSize } = header;
    const decode = groupSize === null ? null : (raw: Uint8Array<ArrayBuffer>) => decodeGroups(raw, groupSize);
    const placed = [...placeLlama2cTensors(header)].map(
      ([name, entry]) => [name, { ...entry, source, decode: entry.dtype === "Q8" ? decode : null }] as const,
    );
    return createCheckpoint({
      path: source.name,
      format: "llama2c",
      sources: [source],
      fields: new Map<string, number | boolean>([
        ["version", header.version],
        ["dim", header.dim],
        ["hidden_dim", header.hiddenDim],
        ["n_layers", header.layerCount],
        ["n_heads", header.headCount],
        ["n_kv_heads", header.groupCount],
        ["vocab_size", header.vocabSize],
        ["max_seq_len", header.maxTokens],
        ["shared_classifier", header.sharedClassifier],
        ...(groupSize === null ? [] : [["group_size", groupSize] as const]),
      ]),
      tensors: new Map(placed),
    });
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** q·scale: signed bytes, then a little-endian f32 scale for each group of them. */
function decodeGroups(raw: Uint8Array<ArrayBuffer>, groupSize: number): Float32Array<ArrayBuffer> {
  const count = (raw.length * groupSize) / (groupSize + 4);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const values = new Float32Array(count);
  for (let group = 0; group < count / groupSize; group++) {
    const scale = view.getFloat32(count + 4 * group, true);
    for (let index = group * groupSize; index < (group + 1) * groupSize; index++) {
      values[index] = view.getInt8(index) * scale;
    }
  }
  return values;
}
