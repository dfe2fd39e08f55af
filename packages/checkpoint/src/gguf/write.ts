// Writing GGUF version 3, a tensor at a time. Knows no architecture: names and metadata are the caller's.
import { writeFileAtomic } from "@dual-head/bytes";
import { elementCountOf } from "../dtype.ts";
import { CheckpointError } from "../errors.ts";
import { type GgufDtype, type GgufEncoding, ggufEncodings } from "./blocks.ts";

/** A value of the metadata, by the type it has in the file. */
export type GgufValue =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly strings: readonly string[] }
  | { readonly f32s: readonly number[] }
  | { readonly i32s: readonly number[] };

/** A tensor to be written. */
export interface GgufTensor {
  readonly name: string;
  /** Row-major, the last axis contiguous; the file holds the axes in reverse. */
  readonly shape: readonly number[];
  readonly dtype: GgufDtype;
  /** Its numbers; called once, when its turn has come, so that one tensor is in memory at a time. */
  values(): Float32Array | Promise<Float32Array>;
}

/** Tensors begin at multiples of this. */
const alignment = 32;

/**
 * Writes a GGUF file whole or not at all.
 *
 * @throws CheckpointError where a shape does not fit its encoding, or values their shape
 * @throws FileError where the place is not writable
 */
export async function writeGguf(
  path: string,
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): Promise<void> {
  for (const tensor of tensors) checkShape(path, tensor);
  await writeFileAtomic(path, ggufChunks(path, metadata, tensors));
}

/** The chunks of a file: header, then each tensor with its padding. */
export async function* ggufChunks(
  path: string,
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): AsyncGenerator<Uint8Array, void, undefined> {
  const header = new Fields();
  header.bytes(new TextEncoder().encode("GGUF"));
  header.u32(3);
  header.u64(tensors.length);
  header.u64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) {
    header.string(key);
    header.value(value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    header.string(tensor.name);
    header.u32(tensor.shape.length);
    for (const extent of [...tensor.shape].reverse()) header.u64(extent);
    header.u32(ggufEncodings[tensor.dtype].id);
    header.u64(offset);
    offset += padded(byteLengthOf(tensor));
  }
  header.pad();
  yield header.take();
  for (const tensor of tensors) {
    const values = await tensor.values();
    const count = elementCountOf(tensor.shape);
    if (values.length !== count) refuse(path, tensor, `${count} values`, `${values.length}`);
    const bytes = ggufEncodings[tensor.dtype].encode(values);
    yield bytes;
    if (padded(bytes.length) > bytes.length) yield new Uint8Array(padded(bytes.length) - bytes.length);
  }
}

function byteLengthOf({ shape, dtype }: GgufTensor): number {
  const { blockSize, blockBytes } = ggufEncodings[dtype];
  return (elementCountOf(shape) / blockSize) * blockBytes;
}

function padded(size: number): number {
  return Math.ceil(size / alignment) * alignment;
}

function checkShape(path: string, tensor: GgufTensor): void {
  const { shape, dtype } = tensor;
  const encoding: GgufEncoding = ggufEncodings[dtype];
  const sound =
    shape.length >= 1 && shape.length <= 4 && shape.every((extent) => Number.isSafeInteger(extent) && extent > 0);
  if (!sound) refuse(path, tensor, "one to four positive extents", `[${shape.join(", ")}]`);
  if (shape.at(-1)! % encoding.blockSize !== 0) {
    refuse(path, tensor, `rows of a multiple of ${encoding.blockSize} for ${dtype}`, `rows of ${shape.at(-1)}`);
  }
}

function refuse(path: string, { name }: GgufTensor, expected: string, actual: string): never {
  throw new CheckpointError(
    `Cannot write tensor ${JSON.stringify(name)} to ${path}: it needs ${expected} but has ${actual}`,
    path,
    { tensor: name, expected, actual },
  );
}

/** Little-endian fields, gathered. */
class Fields {
  #buffer = new Uint8Array(4096);
  #view = new DataView(this.#buffer.buffer);
  #size = 0;
  bytes(bytes: Uint8Array): void {
    const at = this.#room(bytes.length);
    this.#buffer.set(bytes, at);
  }
  u32(value: number): void {
    const at = this.#room(4);
    this.#view.setUint32(at, value, true);
  }
  u64(value: number): void {
    const at = this.#room(8);
    this.#view.setBigUint64(at, BigInt(value), true);
  }
  string(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.u64(bytes.length);
    this.bytes(bytes);
  }
  value(value: GgufValue): void {
    if ("u32" in value) {
      this.u32(4);
      this.u32(value.u32);
    } else if ("f32" in value) {
      this.u32(6);
      this.#f32(value.f32);
    } else if ("bool" in value) {
      this.u32(7);
      this.bytes(Uint8Array.of(value.bool ? 1 : 0));
    } else if ("string" in value) {
      this.u32(8);
      this.string(value.string);
    } else if ("strings" in value) {
      this.#array(8, value.strings, (text) => this.string(text));
    } else if ("f32s" in value) {
      this.#array(6, value.f32s, (number) => this.#f32(number));
    } else {
      this.#array(5, value.i32s, (number) => this.u32(number >>> 0));
    }
  }
  pad(): void {
    this.bytes(new Uint8Array(padded(this.#size) - this.#size));
  }
  take(): Uint8Array {
    return this.#buffer.subarray(0, this.#size);
  }
  #array<Item>(type: number, items: readonly Item[], write: (item: Item) => void): void {
    this.u32(9);
    this.u32(type);
    this.u64(items.length);
    for (const item of items) write(item);
  }
  #f32(value: number): void {
    const at = this.#room(4);
    this.#view.setFloat32(at, value, true);
  }
  /** Makes room and returns where it begins; views taken before are stale. */
  #room(count: number): number {
    const at = this.#size;
    this.#size += count;
    if (this.#size > this.#buffer.length) {
      const larger = new Uint8Array(2 * this.#size);
      larger.set(this.#buffer);
      this.#buffer = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}
