// Writing safetensors: the same tensors and metadata give the same bytes, whatever the order they came in.
// It does not know what the tensors are for.
import { writeFileAtomic } from "@dual-head/bytes";
import { arrayNameOf, bitsByDtype, elementCountOf, type StoredArray, type StoredDtype } from "./dtype.ts";
import { CheckpointError } from "./errors.ts";
import { headerPrefixSize, headerSizeLimit } from "./safetensors-header.ts";

/** A tensor to be written; F16 and BF16 are given as bit patterns in a Uint16Array. */
export interface StoredTensor {
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
  readonly data: StoredArray;
}

/** A tensor whose data is made when its turn has come, so that one tensor is in memory at a time. */
export interface DeferredTensor {
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
  /** Called once; the array as in a {@link StoredTensor}, or the tensor's bytes as they lie in the file. */
  readonly data: () => Promise<StoredArray>;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

type Refuse = (expected: string, actual: string) => never;

function refusal(path: string, name: string): Refuse {
  return (expected, actual) => {
    const message = `Cannot write tensor ${JSON.stringify(name)} to ${path}: it needs ${expected} but has ${actual}`;
    throw new CheckpointError(message, path, { tensor: name, expected, actual });
  };
}

/** Checks what is known before the data; answers with the length in bytes. */
function checkSpec(path: string, name: string, { dtype, shape }: Pick<StoredTensor, "dtype" | "shape">): number {
  const refuse = refusal(path, name);
  if (name === "__metadata__") refuse("a name other than __metadata__, which is reserved", "that name");
  if (!shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0)) {
    refuse("a shape of non-negative integers", `[${shape.join(", ")}]`);
  }
  const bits = elementCountOf(shape) * bitsByDtype.get(dtype)!;
  if (bits % 8 !== 0) refuse("a whole number of bytes", `${bits} bits`);
  return bits / 8;
}

function checkData(
  path: string,
  name: string,
  { dtype, shape }: DeferredTensor | StoredTensor,
  data: StoredArray,
): void {
  const refuse = refusal(path, name);
  const arrayName = arrayNameOf(dtype);
  if (arrayName === null) refuse("a dtype that typed arrays can hold", dtype);
  if (data.constructor.name !== arrayName) refuse(`a ${arrayName} for ${dtype}`, `a ${data.constructor.name}`);
  const count = elementCountOf(shape);
  if (count !== data.length) refuse(`${count} elements for shape [${shape.join(", ")}]`, `${data.length}`);
}

/** The header of a file, and its tensors in the order of their data. */
function planFile<Tensor extends Pick<StoredTensor, "dtype" | "shape">>(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>>,
): { readonly header: Uint8Array; readonly ordered: readonly (readonly [string, Tensor])[] } {
  // Larger elements first, then by name: every tensor is then aligned to its own elements.
  const bitsOf = ({ dtype }: Tensor) => bitsByDtype.get(dtype)!;
  const ordered = Object.entries(tensors).sort(
    ([a, first], [b, second]) => bitsOf(second) - bitsOf(first) || compareText(a, b),
  );
  const entries: [string, unknown][] = [];
  const metadataEntries = Object.entries(metadata).sort(([a], [b]) => compareText(a, b));
  if (metadataEntries.length > 0) entries.push(["__metadata__", metadataEntries]);
  let offset = 0;
  for (const [name, tensor] of ordered) {
    const end = offset + checkSpec(path, name, tensor);
    entries.push([name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  // Written by hand, since an object would move integer-like names to the front.
  const fields = entries.map(([key, value]) => `${JSON.stringify(key)}:${stringify(value)}`);
  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const headerSize = Math.ceil(json.length / 8) * 8;
  if (headerSize > headerSizeLimit) {
    const message = `Cannot write ${path}: the header would have ${headerSize} bytes, the format allows 100000000`;
    throw new CheckpointError(message, path, { expected: "100000000", actual: `${headerSize}` });
  }
  const header = new Uint8Array(headerPrefixSize + headerSize).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(headerSize), true);
  header.set(json, headerPrefixSize);
  return { header, ordered };
}

function bytesOf(data: StoredArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function stringify(value: unknown): string {
  if (!Array.isArray(value)) return JSON.stringify(value);
  const pairs = value as readonly (readonly [string, string])[];
  return `{${pairs.map(([key, entry]) => `${JSON.stringify(key)}:${JSON.stringify(entry)}`).join(",")}}`;
}

/**
 * Encodes tensors as the bytes of a safetensors file; see {@link writeSafetensors}.
 *
 * @throws CheckpointError where a tensor's array does not fit its dtype or shape
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, StoredTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  for (const [name, tensor] of Object.entries(tensors)) checkData("memory", name, tensor, tensor.data);
  const { header, ordered } = planFile("memory", tensors, metadata);
  const chunks = [header, ...ordered.map(([, { data }]) => bytesOf(data))];
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/**
 * Writes a safetensors file whole or not at all; equal tensors and metadata give equal bytes.
 *
 * Tensors are ordered by element size, largest first, then by name; the header is padded to eight bytes, so every
 * tensor is aligned to its elements.
 *
 * @param path where the file shall be; its folder must exist
 * @param tensors tensors by name; the data of a deferred one is asked for, and let go, in the order of the file
 * @param metadata the file's `__metadata__`; left out where empty
 * @throws CheckpointError where a tensor's array does not fit its dtype or shape
 * @throws FileError where the place is not writable
 */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, StoredTensor | DeferredTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  // What is in memory already is checked before anything is written.
  for (const [name, tensor] of Object.entries(tensors)) {
    if (typeof tensor.data !== "function") checkData(path, name, tensor, tensor.data);
  }
  const { header, ordered } = planFile(path, tensors, metadata);
  await writeFileAtomic(path, fileChunks(path, header, ordered));
}

async function* fileChunks(
  path: string,
  header: Uint8Array,
  ordered: readonly (readonly [string, StoredTensor | DeferredTensor])[],
): AsyncGenerator<Uint8Array, void, undefined> {
  yield header;
  for (const [name, tensor] of ordered) {
    const data = typeof tensor.data === "function" ? await tensor.data() : tensor.data;
    const size = checkSpec(path, name, tensor);
    const isRaw = typeof tensor.data === "function" && data instanceof Uint8Array && data.byteLength === size;
    if (!isRaw) checkData(path, name, tensor, data);
    yield bytesOf(data);
  }
}
