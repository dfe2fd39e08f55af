// The numbers of a tensor that is stored in another form, read and decoded in parts: fresh memory is dear, and a part is
// still in the processor's cache when it is hashed and decoded. Knows no file format.
import { bf16ToF32, f16ToF32 } from "@dual-head/bytes";
import type { ReadMemory } from "./read-memory.ts";

/** Bytes of a part; two of them are held, for the next is read while one is decoded. */
export const readPartBytes: number = 2 ** 22;

/** Decodes whole blocks into `into`. */
export type DecodeInto = (raw: Uint8Array<ArrayBuffer>, into: Float32Array<ArrayBuffer>) => void;

/** How bytes become numbers: so many of the one are so many of the other. */
export interface BlockDecoder {
  readonly blockBytes: number;
  readonly blockSize: number;
  readonly decode: DecodeInto;
}

const halves = (raw: Uint8Array<ArrayBuffer>): Uint16Array =>
  new Uint16Array(raw.buffer, raw.byteOffset, raw.byteLength / 2);

/** Decoders of floats of sixteen bits. */
export const halfDecoders: Readonly<Record<"F16" | "BF16", BlockDecoder>> = {
  F16: { blockBytes: 2, blockSize: 1, decode: (raw, into) => f16ToF32(halves(raw), into) },
  BF16: { blockBytes: 2, blockSize: 1, decode: (raw, into) => bf16ToF32(halves(raw), into) },
};

/**
 * Reads and decodes `length` bytes.
 *
 * @param readPart reads bytes from the tensor's start into memory that is given
 * @param visit sees the parts in their order
 * @param memory where parts and numbers lie
 */
export async function readInParts(
  length: number,
  { blockBytes, blockSize, decode }: BlockDecoder,
  readPart: (begin: number, into: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>,
  visit: (begin: number, bytes: Uint8Array<ArrayBuffer>) => Promise<void>,
  memory: ReadMemory,
): Promise<Float32Array<ArrayBuffer>> {
  const floats = memory.floats((length / blockBytes) * blockSize);
  const partBytes = Math.max(1, Math.floor(readPartBytes / blockBytes)) * blockBytes;
  const read = (begin: number) =>
    readPart(begin, memory.part(Math.min(partBytes, length - begin), (begin / partBytes) % 2));
  let coming = length > 0 ? read(0) : null;
  for (let begin = 0; coming !== null; begin += partBytes) {
    const raw = await coming;
    const next = begin + partBytes;
    coming = next < length ? read(next) : null;
    // Whoever stops at this part must not leave the next one's failure to nobody.
    coming?.catch(() => {});
    await visit(begin, raw);
    const first = (begin / blockBytes) * blockSize;
    decode(raw, floats.subarray(first, first + (raw.length / blockBytes) * blockSize));
  }
  return floats;
}
