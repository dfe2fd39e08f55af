// Little-endian fields of a GGUF header, read from the bytes at hand; the file's length bounds every count before memory
// is taken for it. Knows neither metadata keys nor tensors.
import type { MetadataValue } from "../checkpoint.ts";
import { GgufError, type GgufRule } from "../errors.ts";

/** Thrown inside this folder where the header goes on behind the bytes at hand: so many from the start are needed. */
export class MoreBytes extends Error {
  readonly needed: number;
  constructor(needed: number) {
    super(`${needed} bytes are needed`);
    this.needed = needed;
  }
}

/** Arrays of arrays deeper than this are no file's of ours. */
const depthLimit = 4;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A place in a header. */
export class Fields {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #fileSize: number;
  readonly #path: string;
  #at = 0;
  constructor(bytes: Uint8Array<ArrayBuffer>, fileSize: number, path: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#fileSize = fileSize;
    this.#path = path;
  }

  /** Offset of the next field, in bytes. */
  get at(): number {
    return this.#at;
  }

  refuse(rule: GgufRule, reason: string, byte: number = this.#at): never {
    throw new GgufError(this.#path, rule, reason, byte);
  }

  /** Where the next `count` bytes begin; what they belong to is named where the file ends before them. */
  take(count: number, what: string): number {
    const [from, end] = [this.#at, this.#at + count];
    if (end > this.#fileSize) {
      this.refuse("truncated", `${what} would end at byte ${end}, but the file has ${this.#fileSize}`);
    }
    if (end > this.#bytes.length) throw new MoreBytes(end);
    this.#at = end;
    return from;
  }

  u32(what: string): number {
    return this.#view.getUint32(this.take(4, what), true);
  }

  /** A count or offset, which must be safe as a number. */
  u64(what: string): number {
    const from = this.take(8, what);
    const value = this.#view.getBigUint64(from, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.refuse("size", `${what} is ${value}, more than can be`, from);
    return Number(value);
  }

  text(what: string): string {
    const size = this.u64(`the length of ${what}`);
    const from = this.take(size, what);
    try {
      return decoder.decode(this.#bytes.subarray(from, from + size));
    } catch {
      return this.refuse("utf8", `${what} is not UTF-8`, from);
    }
  }

  /** A value of the metadata with its type before it. */
  value(what: string): MetadataValue {
    return this.#value(this.u32(`the type of ${what}`), what, 0);
  }

  #value(type: number, what: string, depth: number): MetadataValue {
    const scalar = scalars[type];
    if (scalar !== undefined) return scalar.read(this.#view, this.take(scalar.size, what));
    if (type === boolType) return this.#bool(what);
    if (type === textType) return this.text(what);
    if (type !== arrayType) return this.refuse("value-type", `${what} has the unknown type ${type}`, this.#at - 4);
    if (depth === depthLimit) return this.refuse("depth", `${what} has arrays more than ${depthLimit} deep`);
    return this.#array(what, depth);
  }

  #bool(what: string): boolean {
    const from = this.take(1, what);
    const value = this.#bytes[from]!;
    if (value > 1) this.refuse("value", `${what} is ${value}, neither false (0) nor true (1)`, from);
    return value === 1;
  }

  #array(what: string, depth: number): MetadataValue {
    const type = this.u32(`the type of ${what}`);
    const count = this.u64(`the length of ${what}`);
    const scalar = scalars[type];
    if (scalar !== undefined || type === boolType) {
      const size = scalar?.size ?? 1;
      const from = this.take(count * size, what);
      // A copy, since elements in the file are not aligned.
      const copy = this.#bytes.slice(from, from + count * size);
      return scalar === undefined ? copy : scalar.array(copy.buffer);
    }
    const values: MetadataValue[] = [];
    for (let index = 0; index < count; index++) values.push(this.#value(type, `${what}[${index}]`, depth + 1));
    return values;
  }
}

const [boolType, textType, arrayType] = [7, 8, 9];

interface Scalar {
  readonly size: number;
  read(view: DataView, at: number): MetadataValue;
  array(buffer: ArrayBuffer): MetadataValue;
}

/** Numbers by their type in files; those of 64 bits are numbers where they are safe, else bigints. */
const scalars: Readonly<Record<number, Scalar>> = {
  0: { size: 1, read: (view, at) => view.getUint8(at), array: (buffer) => new Uint8Array(buffer) },
  1: { size: 1, read: (view, at) => view.getInt8(at), array: (buffer) => new Int8Array(buffer) },
  2: { size: 2, read: (view, at) => view.getUint16(at, true), array: (buffer) => new Uint16Array(buffer) },
  3: { size: 2, read: (view, at) => view.getInt16(at, true), array: (buffer) => new Int16Array(buffer) },
  4: { size: 4, read: (view, at) => view.getUint32(at, true), array: (buffer) => new Uint32Array(buffer) },
  5: { size: 4, read: (view, at) => view.getInt32(at, true), array: (buffer) => new Int32Array(buffer) },
  6: { size: 4, read: (view, at) => view.getFloat32(at, true), array: (buffer) => new Float32Array(buffer) },
  10: {
    size: 8,
    read: (view, at) => narrow(view.getBigUint64(at, true)),
    array: (buffer) => new BigUint64Array(buffer),
  },
  11: { size: 8, read: (view, at) => narrow(view.getBigInt64(at, true)), array: (buffer) => new BigInt64Array(buffer) },
  12: { size: 8, read: (view, at) => view.getFloat64(at, true), array: (buffer) => new Float64Array(buffer) },
};

function narrow(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
