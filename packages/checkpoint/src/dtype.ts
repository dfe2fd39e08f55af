// The dtypes that safetensors can store, their sizes, and which typed array holds each one in memory.
// It does not convert: that is create-checkpoint.ts.
import type { GgufTypeName } from "./gguf/types.ts";

/** A dtype as safetensors names it. */
export type StoredDtype =
  | "BOOL"
  | "F4"
  | "F6_E2M3"
  | "F6_E3M2"
  | "U8"
  | "I8"
  | "F8_E5M2"
  | "F8_E4M3"
  | "F8_E8M0"
  | "F8_E4M3FNUZ"
  | "F8_E5M2FNUZ"
  | "I16"
  | "U16"
  | "F16"
  | "BF16"
  | "I32"
  | "U32"
  | "F32"
  | "C64"
  | "F64"
  | "I64"
  | "U64";

/** Every dtype a checkpoint may have: those of safetensors and of GGUF, and `Q8`, the groups of bytes of llama2.c. */
export type TensorDtype = StoredDtype | GgufTypeName | "Q8";

/** Bits per element; the sub-byte formats are packed. */
export const bitsByDtype: ReadonlyMap<string, number> = new Map<StoredDtype, number>([
  ["F4", 4],
  ["F6_E2M3", 6],
  ["F6_E3M2", 6],
  ["BOOL", 8],
  ["U8", 8],
  ["I8", 8],
  ["F8_E5M2", 8],
  ["F8_E4M3", 8],
  ["F8_E8M0", 8],
  ["F8_E4M3FNUZ", 8],
  ["F8_E5M2FNUZ", 8],
  ["I16", 16],
  ["U16", 16],
  ["F16", 16],
  ["BF16", 16],
  ["I32", 32],
  ["U32", 32],
  ["F32", 32],
  ["C64", 64],
  ["F64", 64],
  ["I64", 64],
  ["U64", 64],
]);

/** The memory of a tensor to be written; sixteen-bit floats are given as their bit patterns. */
export type StoredArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** Whether a string is a dtype of safetensors. */
export function isStoredDtype(value: unknown): value is StoredDtype {
  return typeof value === "string" && bitsByDtype.has(value);
}

/** The name of the typed array that must hold a dtype on writing, or null for a dtype that cannot be written. */
export function arrayNameOf(dtype: StoredDtype): string | null {
  switch (dtype) {
    case "F64":
      return "Float64Array";
    case "F32":
      return "Float32Array";
    case "I64":
      return "BigInt64Array";
    case "U64":
      return "BigUint64Array";
    case "I32":
      return "Int32Array";
    case "U32":
      return "Uint32Array";
    case "I16":
      return "Int16Array";
    case "U16":
    case "F16":
    case "BF16":
      return "Uint16Array";
    case "I8":
      return "Int8Array";
    case "C64":
    case "F4":
    case "F6_E2M3":
    case "F6_E3M2":
      return null;
    default:
      return "Uint8Array";
  }
}

/** Number of elements of a shape: the product, 1 for a scalar. */
export function elementCountOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
