// A checkpoint whose tensors have other names, and whose rows of queries and keys lie in another order, seen under the
// names and in the order of Hugging Face. Knows no format and no table of names.

import type { GenerationConfig } from "@dual-head/backbone";
import type { Checkpoint, ReadMemory } from "@dual-head/checkpoint";

/** What a file that describes itself says. */
export interface ModelDescription {
  /** The same as a config.json. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly generation: GenerationConfig;
  /** Hugging Face's name of a tensor; null for one that is no weight, and the name itself where it has no other. */
  readonly nameOf: (stored: string) => string | null;
  /** Heads of a tensor, by Hugging Face's name, whose rows lie in pairs (0, K/2), (1, K/2 + 1), …; null for others. */
  readonly headCountOf: (name: string) => number | null;
}

/** The view; closing it closes the checkpoint. */
export function renameTensors(
  checkpoint: Checkpoint,
  nameOf: ModelDescription["nameOf"],
  headCountOf: ModelDescription["headCountOf"],
): Checkpoint {
  const stored = new Map<string, string>();
  for (const name of checkpoint.names) {
    const renamed = nameOf(name);
    if (renamed !== null) stored.set(renamed, name);
  }
  const storedOf = (name: string) => stored.get(name) ?? name;
  function read(name: string, as: "f32", memory?: ReadMemory): Promise<Float32Array<ArrayBuffer>>;
  function read(name: string, as: "f64", memory?: ReadMemory): Promise<Float64Array<ArrayBuffer>>;
  async function read(
    name: string,
    as: "f32" | "f64",
    memory?: ReadMemory,
  ): Promise<Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>> {
    const from = storedOf(name);
    const values =
      as === "f32" ? await checkpoint.read(from, "f32", memory) : await checkpoint.read(from, "f64", memory);
    const headCount = headCountOf(name);
    if (headCount !== null) separatePairs(values, headCount, checkpoint.spec(from).shape[0]! / headCount);
    return values;
  }
  return {
    ...checkpoint,
    names: Object.freeze([...stored.keys()].sort()),
    has: (name) => stored.has(name),
    spec: (name) => checkpoint.spec(storedOf(name)),
    byteLength: (name) => checkpoint.byteLength(storedOf(name)),
    position: (name) => checkpoint.position(storedOf(name)),
    read,
    readRaw: (name, range) => checkpoint.readRaw(storedOf(name), range),
  };
}

/**
 * Rotary embeddings turn numbers in pairs. Meta's weights, and those made from them, have both rows of a pair side by
 * side; Hugging Face has the first of all pairs, then the second of all. In place, a head at a time.
 */
function separatePairs(values: Float32Array | Float64Array, headCount: number, headSize: number): void {
  const columns = values.length / (headCount * headSize);
  const pairCount = headSize / 2;
  for (let head = 0; head < headCount; head++) {
    const first = head * headSize * columns;
    const rows = values.slice(first, first + headSize * columns);
    for (let row = 0; row < headSize; row++) {
      const to = (row % 2) * pairCount + (row >> 1);
      values.set(rows.subarray(row * columns, (row + 1) * columns), first + to * columns);
    }
  }
}
