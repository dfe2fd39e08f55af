// The header of a GGUF file of version 2 or 3, validated before a weight is read: metadata, tensors and their places.
// Knows no architecture and no key but the alignment.
import type { ByteSource } from "@dual-head/bytes";
import type { MetadataValue } from "../checkpoint.ts";
import { elementCountOf } from "../dtype.ts";
import { Fields, MoreBytes } from "./fields.ts";
import { type GgufTypeName, ggufTypeNameOf, ggufTypes } from "./types.ts";

/** A tensor and its place, in bytes from the file's start; row-major, so that axes are the reverse of the file's. */
export interface GgufEntry {
  readonly dtype: GgufTypeName;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** A validated header. */
export interface GgufHeader {
  readonly version: 2 | 3;
  /** Metadata by key, in the order of the file. */
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  /** Tensors by name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, GgufEntry>;
}

/** "GGUF", read little-endian. */
export const ggufMagic = 0x46554747;
const defaultAlignment = 32;
const axisLimit = 4;
const firstRead = 2 ** 16;

/**
 * Reads the header of a GGUF file in parts that grow fourfold: never a byte past the file's end, and no more than four
 * times the header's own length or 64 KiB.
 *
 * @throws GgufError that names the broken rule and the byte
 * @throws FileError where the source fails
 */
export async function readGgufHeader(source: ByteSource): Promise<GgufHeader> {
  let bytes = await source.read(0, Math.min(firstRead, source.size));
  for (;;) {
    try {
      return parseGgufHeader(bytes, source.size, source.name);
    } catch (error) {
      if (!(error instanceof MoreBytes)) throw error;
      const larger = new Uint8Array(Math.min(source.size, Math.max(error.needed, 4 * bytes.length)));
      larger.set(bytes);
      larger.set(await source.read(bytes.length, larger.length - bytes.length), bytes.length);
      bytes = larger;
    }
  }
}

interface TensorLine {
  readonly name: string;
  readonly dtype: GgufTypeName;
  readonly shape: readonly number[];
  /** Bytes from the start of the data. */
  readonly offset: number;
  readonly size: number;
  /** Where the header says so. */
  readonly byte: number;
}

function parseGgufHeader(bytes: Uint8Array<ArrayBuffer>, fileSize: number, path: string): GgufHeader {
  const fields = new Fields(bytes, fileSize, path);
  if (fields.u32("the magic number") !== ggufMagic) fields.refuse("magic", 'it does not begin with "GGUF"', 0);
  const version = checkVersion(fields);
  const tensorCount = fields.u64("the number of tensors");
  const fieldCount = fields.u64("the number of metadata fields");
  const metadata = new Map<string, MetadataValue>();
  for (let index = 0; index < fieldCount; index++) {
    const byte = fields.at;
    const key = fields.text(`the key of metadata field ${index}`);
    if (metadata.has(key)) fields.refuse("duplicate-key", `the key ${JSON.stringify(key)} is used twice`, byte);
    metadata.set(key, fields.value(key));
  }
  const lines = new Map<string, TensorLine>();
  for (let index = 0; index < tensorCount; index++) {
    const line = parseTensor(fields, index);
    if (lines.has(line.name)) {
      fields.refuse("duplicate-tensor", `the name ${JSON.stringify(line.name)} is used twice`, line.byte);
    }
    lines.set(line.name, line);
  }
  return { version, metadata, tensors: placeTensors(fields, lines, alignmentOf(fields, metadata), fileSize) };
}

function checkVersion(fields: Fields): 2 | 3 {
  const version = fields.u32("the version");
  if (version === 2 || version === 3) return version;
  // A big-endian file has its version in the high bytes.
  const swapped = version > 0xffff && (version & 0xffff) === 0;
  const found = swapped ? "it is big-endian" : `its version is ${version}`;
  return fields.refuse("version", `${found}, but little-endian version 2 or 3 is read`, 4);
}

function alignmentOf(fields: Fields, metadata: ReadonlyMap<string, MetadataValue>): number {
  const alignment = metadata.get("general.alignment") ?? defaultAlignment;
  const sound = typeof alignment === "number" && Number.isInteger(alignment) && alignment > 0 && alignment <= 2 ** 31;
  if (sound && Number.isInteger(Math.log2(alignment))) return alignment;
  return fields.refuse("alignment", `general.alignment is ${String(alignment)}, but must be a power of two`, 0);
}

function parseTensor(fields: Fields, index: number): TensorLine {
  const byte = fields.at;
  const name = fields.text(`the name of tensor ${index}`);
  const label = `tensor ${JSON.stringify(name)}`;
  const axisCount = fields.u32(`the number of axes of ${label}`);
  if (axisCount > axisLimit) {
    fields.refuse("shape", `${label} has ${axisCount} axes, more than ${axisLimit}`, fields.at - 4);
  }
  const shape: number[] = [];
  for (let axis = 0; axis < axisCount; axis++) shape.unshift(fields.u64(`axis ${axis} of ${label}`));
  const id = fields.u32(`the type of ${label}`);
  const dtype = ggufTypeNameOf(id);
  if (dtype === undefined) return fields.refuse("tensor-type", `${label} has the unknown type ${id}`, fields.at - 4);
  const { blockSize, blockBytes } = ggufTypes[dtype];
  const count = elementCountOf(shape);
  const size = (count / blockSize) * blockBytes;
  const whole = (shape.at(-1) ?? 1) % blockSize === 0;
  if (!Number.isSafeInteger(count) || !Number.isSafeInteger(count * blockBytes) || !whole) {
    const reason = whole ? "is too large to count" : `has rows that are no whole blocks of ${blockSize}`;
    fields.refuse("shape", `${label} of ${dtype} [${shape.join(", ")}] ${reason}`, byte);
  }
  return { name, dtype, shape: Object.freeze(shape), offset: fields.u64(`the offset of ${label}`), size, byte };
}

/** Checks that every tensor lies aligned inside the file and in no other's place. */
function placeTensors(
  fields: Fields,
  lines: ReadonlyMap<string, TensorLine>,
  alignment: number,
  fileSize: number,
): ReadonlyMap<string, GgufEntry> {
  const start = Math.ceil(fields.at / alignment) * alignment;
  const tensors = new Map<string, GgufEntry>();
  for (const { name, dtype, shape, offset, size, byte } of lines.values()) {
    const label = `tensor ${JSON.stringify(name)}`;
    if (offset % alignment !== 0)
      fields.refuse("offset", `${label} begins at ${offset}, no multiple of ${alignment}`, byte);
    const [begin, end] = [start + offset, start + offset + size];
    if (end > fileSize) {
      fields.refuse("truncated", `${label} would end at byte ${end}, but the file has ${fileSize}`, byte);
    }
    tensors.set(name, { dtype, shape, begin, end });
  }
  let [last, previous] = [start, ""];
  for (const [name, { begin, end }] of [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (begin === end) continue;
    if (begin < last) {
      const label = `tensor ${JSON.stringify(name)}`;
      fields.refuse("overlap", `${label} begins at byte ${begin}, before ${JSON.stringify(previous)} ends`, begin);
    }
    [last, previous] = [end, name];
  }
  return tensors;
}
