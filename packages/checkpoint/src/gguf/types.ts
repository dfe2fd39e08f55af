// Every tensor type of GGUF as a record: its number in files, its blocks, and how they are decoded where that is known.
// Knows no file. Decoding gives the numbers ggml computes: exact products, then one rounding to f32.
import { bf16ToF32, f16ToF32 } from "@dual-head/bytes";
import { type DecodeBlock, decodeQ4_0, decodeQ4_1, decodeQ5_0, decodeQ5_1, decodeQ8_0 } from "./blocks-of-32.ts";
import { decodeQ2K, decodeQ3K, decodeQ4K, decodeQ5K, decodeQ6K, decodeQ8K } from "./blocks-of-256.ts";

/** Names of the tensor types, as ggml has them. */
export type GgufTypeName =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "I8"
  | "I16"
  | "I32"
  | "I64"
  | "Q4_0"
  | "Q4_1"
  | "Q5_0"
  | "Q5_1"
  | "Q8_0"
  | "Q8_1"
  | "Q2_K"
  | "Q3_K"
  | "Q4_K"
  | "Q5_K"
  | "Q6_K"
  | "Q8_K"
  | "IQ1_S"
  | "IQ1_M"
  | "IQ2_XXS"
  | "IQ2_XS"
  | "IQ2_S"
  | "IQ3_XXS"
  | "IQ3_S"
  | "IQ4_NL"
  | "IQ4_XS"
  | "TQ1_0"
  | "TQ2_0"
  | "MXFP4";

/** One tensor type. */
export interface GgufType {
  /** Its number in files. */
  readonly id: number;
  /** Numbers a block holds, and bytes it takes; rows are whole blocks. */
  readonly blockSize: number;
  readonly blockBytes: number;
  /** The numbers of whole blocks, in `into` where it is given; null where a type is known by its size only. */
  readonly decode:
    | ((raw: Uint8Array<ArrayBuffer>, into?: Float32Array<ArrayBuffer>) => Float32Array<ArrayBuffer>)
    | null;
}

/** Numbers that stand for themselves, `read` from memory of their own; aligned, for reads are. */
function plain(id: number, blockBytes: number, decode: GgufType["decode"]): GgufType {
  return { id, blockSize: 1, blockBytes, decode };
}

/** Integers and doubles are no weights: they are read raw, or as doubles. */
function opaque(id: number, blockSize: number, blockBytes: number): GgufType {
  return { id, blockSize, blockBytes, decode: null };
}

function blocks(id: number, blockSize: number, blockBytes: number, decodeBlock: DecodeBlock): GgufType {
  return {
    id,
    blockSize,
    blockBytes,
    decode(raw, into) {
      const count = raw.length / blockBytes;
      const values = into ?? new Float32Array(count * blockSize);
      for (let block = 0; block < count; block++) decodeBlock(raw, block * blockBytes, values, block * blockSize);
      return values;
    },
  };
}

const halvesOf = (raw: Uint8Array<ArrayBuffer>) => new Uint16Array(raw.buffer, raw.byteOffset, raw.length / 2);

/** The table, by name. */
export const ggufTypes: Readonly<Record<GgufTypeName, GgufType>> = {
  F32: plain(0, 4, (raw) => new Float32Array(raw.buffer, raw.byteOffset, raw.length / 4)),
  F16: plain(1, 2, (raw) => f16ToF32(halvesOf(raw))),
  Q4_0: blocks(2, 32, 18, decodeQ4_0),
  Q4_1: blocks(3, 32, 20, decodeQ4_1),
  Q5_0: blocks(6, 32, 22, decodeQ5_0),
  Q5_1: blocks(7, 32, 24, decodeQ5_1),
  Q8_0: blocks(8, 32, 34, decodeQ8_0),
  Q8_1: opaque(9, 32, 36),
  Q2_K: blocks(10, 256, 84, decodeQ2K),
  Q3_K: blocks(11, 256, 110, decodeQ3K),
  Q4_K: blocks(12, 256, 144, decodeQ4K),
  Q5_K: blocks(13, 256, 176, decodeQ5K),
  Q6_K: blocks(14, 256, 210, decodeQ6K),
  Q8_K: blocks(15, 256, 292, decodeQ8K),
  IQ2_XXS: opaque(16, 256, 66),
  IQ2_XS: opaque(17, 256, 74),
  IQ3_XXS: opaque(18, 256, 98),
  IQ1_S: opaque(19, 256, 50),
  IQ4_NL: opaque(20, 32, 18),
  IQ3_S: opaque(21, 256, 110),
  IQ2_S: opaque(22, 256, 82),
  IQ4_XS: opaque(23, 256, 136),
  I8: opaque(24, 1, 1),
  I16: opaque(25, 1, 2),
  I32: opaque(26, 1, 4),
  I64: opaque(27, 1, 8),
  F64: opaque(28, 1, 8),
  IQ1_M: opaque(29, 256, 56),
  BF16: plain(30, 2, (raw) => bf16ToF32(halvesOf(raw))),
  TQ1_0: opaque(34, 256, 54),
  TQ2_0: opaque(35, 256, 66),
  MXFP4: opaque(39, 32, 17),
};

const namesById: ReadonlyMap<number, GgufTypeName> = new Map(
  Object.entries(ggufTypes).map(([name, { id }]) => [id, name as GgufTypeName]),
);

/** The name of a type by its number in files, or undefined where there is none such. */
export function ggufTypeNameOf(id: number): GgufTypeName | undefined {
  return namesById.get(id);
}
