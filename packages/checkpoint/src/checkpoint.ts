// What every loader sees: named tensors, read one at a time as f32 or f64, whatever files they lie in.
// It does not know which tensors a model needs; other formats can implement the same interface.
import type { TensorDtype } from "./dtype.ts";
import { CheckpointError } from "./errors.ts";
import type { ReadMemory } from "./read-memory.ts";

/** A tensor's dtype as its file names it, and its shape, row-major. */
export interface TensorSpec {
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
}

/**
 * What a file says of itself, by the type it has there. Integers are numbers where they are safe; arrays of numbers are
 * typed arrays, of booleans Uint8Array (0 or 1), of anything else lists.
 */
export type MetadataValue =
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array
  | readonly MetadataValue[];

/** The format of weight files. */
export type CheckpointFormat = "safetensors" | "gguf" | "llama2c";

/** Named tensors on some medium, opened for reading. */
export interface Checkpoint {
  /** The file or folder. */
  readonly path: string;
  readonly format: CheckpointFormat;
  /** Names of the tensors, sorted by code unit. */
  readonly names: readonly string[];
  /** Texts of the files' metadata; where several files set a key, the first file's value. */
  readonly metadata: Readonly<Record<string, string>>;
  /** All of the metadata with its types: GGUF's fields, the header of llama2.c, texts of safetensors. */
  readonly fields: ReadonlyMap<string, MetadataValue>;
  /** Whether there is a tensor of this name. */
  has(name: string): boolean;
  /**
   * The dtype and shape of a tensor.
   *
   * @throws CheckpointError where there is none of this name
   */
  spec(name: string): TensorSpec;
  /**
   * Bytes that a tensor takes as it is stored.
   *
   * @throws CheckpointError where there is none of this name
   */
  byteLength(name: string): number;
  /**
   * Bytes before a tensor, all weight files being one after the other.
   *
   * @throws CheckpointError where there is none of this name
   */
  position(name: string): number;
  /**
   * Reads a tensor in row-major order: exact when widened, rounded to nearest from F64 to f32; blocks of integers as
   * the f32 numbers their format defines.
   *
   * @param memory where reads that follow each other may lie, so that none asks for memory of its own
   * @throws CheckpointError where there is none of this name or its dtype holds no floats that can be decoded
   * @throws FileError where the medium fails
   */
  read(name: string, as: "f32", memory?: ReadMemory): Promise<Float32Array<ArrayBuffer>>;
  /** As for f32; every stored value is exact in f64. */
  read(name: string, as: "f64", memory?: ReadMemory): Promise<Float64Array<ArrayBuffer>>;
  /**
   * The bytes of a tensor of any dtype, as stored (little-endian), or a range of them.
   *
   * @param range bytes from the tensor's start; all of them by default
   * @throws CheckpointError where there is none of this name
   * @throws FileError where the medium fails
   */
  readRaw(name: string, range?: { readonly begin: number; readonly end: number }): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * From now on what is read is hashed in passing: who reads all tensors in the order of their positions has the hash
   * without reading anything but headers twice.
   */
  hashReads(): void;
  /** SHA-256 over the weight files one after the other, as hexadecimal digits: for one file, the file's own. */
  sha256(): Promise<string>;
  /** Closes the files. Closing twice is harmless. */
  close(): Promise<void>;
}

/**
 * Checks that a tensor exists and has a shape; answers with its dtype and shape.
 *
 * @param shape the required shape
 * @throws CheckpointError that names the file, the tensor, the expected and the actual shape
 */
export function checkTensor(checkpoint: Checkpoint, name: string, shape: readonly number[]): TensorSpec {
  const expected = `shape [${shape.join(", ")}]`;
  if (!checkpoint.has(name)) {
    throw new CheckpointError(
      `Cannot load ${checkpoint.path}: tensor ${JSON.stringify(name)} of ${expected} is missing, use a checkpoint of this architecture`,
      checkpoint.path,
      { tensor: name, expected, actual: "missing" },
    );
  }
  const info = checkpoint.spec(name);
  if (info.shape.length !== shape.length || info.shape.some((extent, axis) => extent !== shape[axis])) {
    const actual = `shape [${info.shape.join(", ")}]`;
    throw new CheckpointError(
      `Cannot load ${checkpoint.path}: tensor ${JSON.stringify(name)} has ${actual} but must have ${expected}, check that config and weights belong together`,
      checkpoint.path,
      { tensor: name, expected, actual },
    );
  }
  return info;
}
