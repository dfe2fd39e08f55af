// Writing safetensors: the same tensors and metadata give the same bytes, whatever the order they came in.
// It does not know what the tensors are for.
import { writeFileAtomic } from "@dual-head/bytes";
import { arrayNameOf, elementCountOf, type StoredArray, type StoredDtype } from "./dtype.ts";
import { CheckpointError } from "./errors.ts";
import { headerPrefixSize, headerSizeLimit } from "./safetensors-header.ts";

/** A tensor to be written; F16 and BF16 are given as bit patterns in a Uint16Array. */
export interface StoredTensor {
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
  readonly data: StoredArray;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function checkStored(path: string, name: string, tensor: StoredTensor): void {
  const { dtype, shape, data } = tensor;
  const refuse = (expected: string, actual: string): never => {
    const message = `Cannot write tensor ${JSON.stringify(name)} to ${path}: it needs ${expected} but has ${actual}`;
    throw new CheckpointError(message, path, { tensor: name, expected, actual });
  };
  if (name === "__metadata__") refuse("a name other than __metadata__, which is reserved", "that name");
  const arrayName = arrayNameOf(dtype);
  if (arrayName === null) refuse("a dtype that typed arrays can hold", dtype);
  if (data.constructor.name !== arrayName) refuse(`a ${arrayName} for ${dtype}`, `a ${data.constructor.name}`);
  if (!shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0)) {
    refuse("a shape of non-negative integers", `[${shape.join(", ")}]`);
  }
  const count = elementCountOf(shape);
  if (count !== data.length) refuse(`${count} elements for shape [${shape.join(", ")}]`, `${data.length}`);
}

function* safetensorsChunks(
  path: string,
  tensors: Readonly<Record<string, StoredTensor>>,
  metadata: Readonly<Record<string, string>>,
): Generator<Uint8Array, void, undefined> {
  // Larger elements first, then by name: every tensor is then aligned to its own elements.
  const ordered = Object.entries(tensors).sort(
    ([a, first], [b, second]) => second.data.BYTES_PER_ELEMENT - first.data.BYTES_PER_ELEMENT || compareText(a, b),
  );
  const entries: [string, unknown][] = [];
  const metadataEntries = Object.entries(metadata).sort(([a], [b]) => compareText(a, b));
  if (metadataEntries.length > 0) entries.push(["__metadata__", metadataEntries]);
  let offset = 0;
  for (const [name, tensor] of ordered) {
    checkStored(path, name, tensor);
    const end = offset + tensor.data.byteLength;
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
  yield header;
  for (const [, { data }] of ordered) yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
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
  const chunks = [...safetensorsChunks("memory", tensors, metadata)];
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
 * @param tensors tensors by name
 * @param metadata the file's `__metadata__`; left out where empty
 * @throws CheckpointError where a tensor's array does not fit its dtype or shape
 * @throws FileError where the place is not writable
 */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, StoredTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const chunks = safetensorsChunks(path, tensors, metadata);
  await writeFileAtomic(
    path,
    (async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      yield* chunks;
    })(),
  );
}
