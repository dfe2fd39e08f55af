// The header of a safetensors file, validated by every rule of the format before a single weight is read.
// It does not read files: it is given bytes, and answers with tensors and their places.
import { findJsonFault } from "@dual-head/bytes";
import { bitsByDtype, elementCountOf, isStoredDtype, type StoredDtype } from "./dtype.ts";
import { SafetensorsError, type SafetensorsRule } from "./errors.ts";

/** A tensor's dtype and shape. */
export interface TensorInfo {
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
}

/** A tensor and its place in the file, in bytes from the file's start. */
export interface TensorEntry extends TensorInfo {
  readonly begin: number;
  readonly end: number;
}

/** A validated header. */
export interface SafetensorsHeader {
  /** The `__metadata__` of the file, empty where it has none. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Tensors by name, in the order of the header. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

/** Bytes before the header: its length as an unsigned 64-bit little-endian number. */
export const headerPrefixSize = 8;
/** The longest header the format allows, in bytes. */
export const headerSizeLimit = 100_000_000;

/**
 * Length of the header in bytes, read from the first eight bytes of a file.
 *
 * @param prefix at least the first eight bytes, or all where the file is shorter
 * @param fileSize length of the file in bytes
 * @param path path or label for messages
 * @throws SafetensorsError where the file is too short for the header it announces, or the header is too long
 */
export function parseHeaderSize(prefix: Uint8Array, fileSize: number, path: string): number {
  if (fileSize < headerPrefixSize || prefix.length < headerPrefixSize) {
    throw new SafetensorsError(path, "file-size", `it has ${fileSize} bytes, fewer than the 8 that announce a header`);
  }
  const size = new DataView(prefix.buffer, prefix.byteOffset, headerPrefixSize).getBigUint64(0, true);
  if (size > BigInt(headerSizeLimit)) {
    throw new SafetensorsError(path, "header-size", `its header would have ${size} bytes, more than 100000000`, 0);
  }
  if (headerPrefixSize + Number(size) > fileSize) {
    const reason = `its header would end at byte ${headerPrefixSize + Number(size)}, but the file has ${fileSize}`;
    throw new SafetensorsError(path, "header-size", reason, 0);
  }
  return Number(size);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isExtent(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

function parseHeaderJson(json: Uint8Array, path: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    // ignoreBOM keeps a byte order mark in the text, where JSON does not allow it.
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
  } catch {
    throw new SafetensorsError(path, "utf8", "its header is not UTF-8", headerPrefixSize);
  }
  const fault = findJsonFault(text);
  if (fault !== null) {
    const rule: SafetensorsRule = fault.kind === "syntax" ? "json" : fault.kind;
    const byte = headerPrefixSize + new TextEncoder().encode(text.slice(0, fault.offset)).length;
    throw new SafetensorsError(path, rule, `its header is not sound JSON: ${fault.reason}`, byte);
  }
  const value: unknown = JSON.parse(text);
  if (!isObject(value)) throw new SafetensorsError(path, "object", "its header is not a JSON object", headerPrefixSize);
  return value;
}

function parseMetadata(value: unknown, path: string): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (!isObject(value)) throw new SafetensorsError(path, "metadata", "__metadata__ is not an object");
  for (const [key, entry] of Object.entries(value)) {
    if (typeof entry !== "string") {
      throw new SafetensorsError(path, "metadata", `__metadata__ has ${JSON.stringify(key)} that is not a string`);
    }
  }
  return value as Readonly<Record<string, string>>;
}

function parseEntry(name: string, value: unknown, dataStart: number, dataSize: number, path: string): TensorEntry {
  const label = `tensor ${JSON.stringify(name)}`;
  const refuse = (rule: SafetensorsRule, reason: string): never => {
    throw new SafetensorsError(path, rule, `${label} ${reason}`);
  };
  if (!isObject(value)) return refuse("entry", "is not described by an object");
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isStoredDtype(dtype)) return refuse("dtype", `has the unknown dtype ${JSON.stringify(dtype) ?? "none"}`);
  if (!Array.isArray(shape) || !shape.every(isExtent)) {
    return refuse("shape", "has a shape that is not a list of non-negative integers");
  }
  const count = elementCountOf(shape);
  const bits = count * bitsByDtype.get(dtype)!;
  if (!Number.isSafeInteger(count) || !Number.isSafeInteger(bits)) {
    return refuse("shape", `has the shape [${shape.join(", ")}], whose size is too large to count`);
  }
  if (bits % 8 !== 0) return refuse("byte-size", `has ${bits} bits, which do not fill whole bytes`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isExtent)) {
    return refuse("offsets", "has data_offsets that are not two non-negative integers");
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end) return refuse("offsets", `begins at ${begin} after its end ${end}`);
  if (end > dataSize) {
    return refuse("offsets", `ends at byte ${end} of the data, which has ${dataSize} bytes: the file is truncated`);
  }
  if (end - begin !== bits / 8) {
    return refuse("byte-size", `has ${end - begin} bytes, but ${dtype} [${shape.join(", ")}] takes ${bits / 8}`);
  }
  return { dtype, shape: Object.freeze([...shape]), begin: dataStart + begin, end: dataStart + end };
}

/** Checks that the tensors lie side by side from the header's end to the file's end. */
function checkCoverage(tensors: ReadonlyMap<string, TensorEntry>, start: number, fileSize: number, path: string): void {
  const ordered = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let end = start;
  for (const [name, entry] of ordered) {
    const label = `tensor ${JSON.stringify(name)}`;
    if (entry.begin < end) {
      throw new SafetensorsError(path, "overlap", `${label} begins before its predecessor ends at ${end}`, entry.begin);
    }
    if (entry.begin > end) {
      throw new SafetensorsError(path, "gap", `${entry.begin - end} bytes before ${label} belong to no tensor`, end);
    }
    end = entry.end;
  }
  if (end !== fileSize) {
    throw new SafetensorsError(path, "coverage", `${fileSize - end} bytes after the last tensor belong to none`, end);
  }
}

/**
 * Parses and validates the header of a safetensors file.
 *
 * Checked: header length, UTF-8, JSON object without duplicate keys, known dtypes, shapes of safe non-negative
 * integers, shape × element size = end − begin, no overlap, no gap, the last tensor ends with the file, and
 * `__metadata__` maps strings to strings. White space before the object is accepted, as the reference reader does.
 *
 * @param bytes the file's first `8 + header length` bytes, or more
 * @param fileSize length of the whole file in bytes
 * @param path path or label for messages
 * @throws SafetensorsError that names the broken rule
 * @throws RangeError where `bytes` holds less than the header although the file has it
 */
export function parseSafetensorsHeader(
  bytes: Uint8Array,
  fileSize: number,
  path: string = "the bytes",
): SafetensorsHeader {
  const dataStart = headerPrefixSize + parseHeaderSize(bytes, fileSize, path);
  if (bytes.length < dataStart) {
    throw new RangeError(`Cannot parse the header of ${path}: ${bytes.length} of its ${dataStart} bytes were given`);
  }
  const json = parseHeaderJson(bytes.subarray(headerPrefixSize, dataStart), path);
  let metadata: Readonly<Record<string, string>> = {};
  const tensors = new Map<string, TensorEntry>();
  for (const [name, value] of Object.entries(json)) {
    if (name === "__metadata__") metadata = parseMetadata(value, path);
    else tensors.set(name, parseEntry(name, value, dataStart, fileSize - dataStart, path));
  }
  checkCoverage(tensors, dataStart, fileSize, path);
  return { metadata, tensors };
}
