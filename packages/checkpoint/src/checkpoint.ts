// What every loader sees: named tensors, read one at a time as f32 or f64, whatever files they lie in.
// It does not know which tensors a model needs; other formats can implement the same interface.
import { bf16ToF32, f16ToF32 } from "@dual-head/bytes";
import { CheckpointError } from "./errors.ts";
import type { TensorInfo } from "./safetensors-header.ts";

/** Named tensors on some medium, opened for reading. */
export interface Checkpoint {
  /** The file or folder. */
  readonly path: string;
  /** Names of the tensors, sorted by code unit. */
  readonly names: readonly string[];
  /** The files' metadata; where several files set a key, the first file's value. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Whether there is a tensor of this name. */
  has(name: string): boolean;
  /**
   * The dtype and shape of a tensor.
   *
   * @throws CheckpointError where there is none of this name
   */
  spec(name: string): TensorInfo;
  /**
   * Reads a tensor of F64, F32, F16 or BF16 in row-major order: exact when widened, rounded to nearest from F64 to f32.
   *
   * @throws CheckpointError where there is none of this name or its dtype is another
   * @throws FileError where the medium fails
   */
  read(name: string, as: "f32"): Promise<Float32Array<ArrayBuffer>>;
  /** As for f32; every stored value is exact in f64. */
  read(name: string, as: "f64"): Promise<Float64Array<ArrayBuffer>>;
  /**
   * The bytes of a tensor of any dtype, as stored (little-endian).
   *
   * @throws CheckpointError where there is none of this name
   */
  readRaw(name: string): Promise<Uint8Array<ArrayBuffer>>;
  /** SHA-256 over the weight files one after the other, as hexadecimal digits: for one file, the file's own. */
  sha256(): Promise<string>;
  /** Closes the files. Closing twice is harmless. */
  close(): Promise<void>;
}

/**
 * Converts the raw bytes of a floating-point tensor.
 *
 * @param file the file, for messages
 * @throws CheckpointError where the dtype is not F64, F32, F16 or BF16
 */
export function convertFloats(
  raw: Uint8Array<ArrayBuffer>,
  info: TensorInfo,
  as: "f32" | "f64",
  file: string,
  name: string,
): Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = raw;
  if (info.dtype === "F64") {
    const values = new Float64Array(buffer, byteOffset, byteLength / 8);
    return as === "f64" ? values : Float32Array.from(values);
  }
  let values: Float32Array<ArrayBuffer>;
  if (info.dtype === "F32") values = new Float32Array(buffer, byteOffset, byteLength / 4);
  else if (info.dtype === "F16") values = f16ToF32(new Uint16Array(buffer, byteOffset, byteLength / 2));
  else if (info.dtype === "BF16") values = bf16ToF32(new Uint16Array(buffer, byteOffset, byteLength / 2));
  else {
    const expected = "F64, F32, F16 or BF16";
    throw new CheckpointError(
      `Cannot read tensor ${JSON.stringify(name)} of ${file} as ${as}: its dtype is ${info.dtype} but must be ${expected}, convert it or read it raw`,
      file,
      { tensor: name, expected, actual: info.dtype },
    );
  }
  return as === "f32" ? values : Float64Array.from(values);
}

/**
 * Checks that a tensor exists and has a shape; answers with its dtype and shape.
 *
 * @param shape the required shape
 * @throws CheckpointError that names the file, the tensor, the expected and the actual shape
 */
export function checkTensor(checkpoint: Checkpoint, name: string, shape: readonly number[]): TensorInfo {
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
