// A Checkpoint over opened files whose headers are known: the one implementation, whatever the format.
// It does not know how a format says where its tensors lie.
import { type ByteSource, PrefixHash } from "@dual-head/bytes";
import type { Checkpoint, CheckpointFormat, MetadataValue, TensorSpec } from "./checkpoint.ts";
import { elementCountOf } from "./dtype.ts";
import { CheckpointError } from "./errors.ts";
import { type BlockDecoder, halfDecoders, readInParts } from "./read-floats.ts";
import { ReadMemory } from "./read-memory.ts";

/** A tensor, where it lies, and how to decode it. */
export interface PlacedTensor extends TensorSpec {
  readonly source: ByteSource;
  /** Bytes from the source's start. */
  readonly begin: number;
  readonly end: number;
  /**
   * The f32 numbers of blocks of integers, in `into` or in memory of their own; null where the dtype says all, or cannot be
   * decoded.
   */
  readonly decode:
    | ((raw: Uint8Array<ArrayBuffer>, into?: Float32Array<ArrayBuffer>) => Float32Array<ArrayBuffer>)
    | null;
  /** Bytes of a block where `decode` may be given any number of whole blocks; left out where it wants all at once. */
  readonly blockBytes?: number | undefined;
}

/** What a format found. */
export interface OpenedFiles {
  readonly path: string;
  readonly format: CheckpointFormat;
  /** In the order that is hashed; the checkpoint closes them. */
  readonly sources: readonly ByteSource[];
  readonly fields: ReadonlyMap<string, MetadataValue>;
  readonly tensors: ReadonlyMap<string, PlacedTensor>;
}

/** Makes the checkpoint. */
export function createCheckpoint({ path, format, sources, fields, tensors }: OpenedFiles): Checkpoint {
  const names: readonly string[] = Object.freeze([...tensors.keys()].sort());
  const metadata: Record<string, string> = {};
  for (const [key, value] of fields) {
    // Defined, since a key may be __proto__.
    if (typeof value === "string") Object.defineProperty(metadata, key, { value, enumerable: true });
  }
  const find = (name: string): PlacedTensor => {
    const placed = tensors.get(name);
    if (placed !== undefined) return placed;
    const message = `Cannot find tensor ${JSON.stringify(name)} in ${path}, which has ${names.length} tensors, use a checkpoint of this architecture`;
    throw new CheckpointError(message, path, { tensor: name, expected: "present", actual: "missing" });
  };
  const hash = new PrefixHash(sources);
  let hashing = false;
  const readBytes = async (
    source: ByteSource,
    offset: number,
    length: number,
    memory?: ReadMemory,
  ): Promise<Uint8Array<ArrayBuffer>> => {
    const bytes = await source.read(offset, length, undefined, memory?.bytes(length));
    if (hashing) await hash.take(source, offset, bytes);
    return bytes;
  };
  function read(name: string, as: "f32", memory?: ReadMemory): Promise<Float32Array<ArrayBuffer>>;
  function read(name: string, as: "f64", memory?: ReadMemory): Promise<Float64Array<ArrayBuffer>>;
  async function read(
    name: string,
    as: "f32" | "f64",
    memory?: ReadMemory,
  ): Promise<Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>> {
    const placed = find(name);
    checkFloats(placed, name, as);
    const { source, begin, end } = placed;
    const decoder = decoderOf(placed);
    if (decoder === null) return decodeFloats(await readBytes(source, begin, end - begin, memory), placed, as, memory);
    const values = await readInParts(
      end - begin,
      decoder,
      (from, into) => source.read(begin + from, into.length, undefined, into),
      async (from, bytes) => {
        if (hashing) await hash.take(source, begin + from, bytes);
      },
      memory ?? new ReadMemory(),
    );
    return as === "f32" ? values : Float64Array.from(values);
  }
  return {
    path,
    format,
    names,
    metadata,
    fields,
    has: (name) => tensors.has(name),
    spec(name) {
      const { dtype, shape } = find(name);
      return { dtype, shape };
    },
    byteLength(name) {
      const { begin, end } = find(name);
      return end - begin;
    },
    position(name) {
      const { source, begin } = find(name);
      return sources.slice(0, sources.indexOf(source)).reduce((sum, { size }) => sum + size, begin);
    },
    read,
    async readRaw(name, range): Promise<Uint8Array<ArrayBuffer>> {
      const { source, begin, end } = find(name);
      const [from, to] = [range?.begin ?? 0, range?.end ?? end - begin];
      if (!(Number.isSafeInteger(from) && Number.isSafeInteger(to) && 0 <= from && from <= to && to <= end - begin)) {
        const actual = `bytes ${from} to ${to} of ${end - begin}`;
        const message = `Cannot read ${actual} of tensor ${JSON.stringify(name)} of ${path}: that is no range of it, ask for one inside`;
        throw new CheckpointError(message, path, { tensor: name, expected: "a range inside", actual });
      }
      return readBytes(source, begin + from, to - from);
    },
    hashReads() {
      hashing = true;
    },
    sha256: () => hash.digest(),
    async close(): Promise<void> {
      await Promise.all(sources.map((source) => source.close()));
    },
  };
}

const floatDtypes: readonly string[] = ["F64", "F32", "F16", "BF16"];

/** Throws, before anything is read, where a dtype has no floats. */
function checkFloats({ dtype, decode, source }: PlacedTensor, name: string, as: "f32" | "f64"): void {
  if (decode !== null || floatDtypes.includes(dtype)) return;
  const expected = "F64, F32, F16 or BF16";
  throw new CheckpointError(
    `Cannot read tensor ${JSON.stringify(name)} of ${source.name} as ${as}: its dtype is ${dtype} but must be ${expected} or one that can be decoded, convert it or read it raw`,
    source.name,
    { tensor: name, expected, actual: dtype },
  );
}

/** How a tensor is decoded in parts; null for one that is read at once. */
function decoderOf({ dtype, shape, begin, end, decode, blockBytes }: PlacedTensor): BlockDecoder | null {
  if (decode === null) return dtype === "F16" || dtype === "BF16" ? halfDecoders[dtype] : null;
  if (blockBytes === undefined) return null;
  const blockSize = elementCountOf(shape) / ((end - begin) / blockBytes);
  return Number.isInteger(blockSize) ? { blockBytes, blockSize, decode } : null;
}

function decodeFloats(
  raw: Uint8Array<ArrayBuffer>,
  { dtype, shape, decode }: PlacedTensor,
  as: "f32" | "f64",
  memory: ReadMemory | undefined,
): Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = raw;
  if (dtype === "F64") {
    const doubles = new Float64Array(buffer, byteOffset, byteLength / 8);
    return as === "f64" ? doubles : Float32Array.from(doubles);
  }
  const values =
    decode === null
      ? new Float32Array(buffer, byteOffset, byteLength / 4)
      : decode(raw, memory?.floats(elementCountOf(shape)));
  return as === "f32" ? values : Float64Array.from(values);
}
