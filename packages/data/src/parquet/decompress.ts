// Pages decompressed to exactly the size their header says, or refused. It does not know what a page holds.
import { parseGzip } from "@dual-head/bytes";
import type { CompressionCodec } from "hyparquet";
import { compressors, decompressZstd } from "hyparquet-compressors";

/** The size a snappy block says it has: a varint at its start. The decoder writes that much, whatever is expected. */
function snappySize(bytes: Uint8Array): number {
  let size = 0;
  for (let index = 0; index < 5; index++) {
    const byte = bytes[index];
    if (byte === undefined) break;
    size += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return size;
  }
  throw new Error("a snappy block does not say its size");
}

/** The size a zstd frame says its content has, or null where it does not say: the decoder passes over one that is short. */
function zstdSize(bytes: Uint8Array): number | null {
  if (bytes.length < 6) return null;
  const flags = bytes[4]!;
  const isSingle = (flags >> 5) & 1;
  const sizeLength = flags >> 6 === 0 ? isSingle : 1 << (flags >> 6);
  const start = 6 - isSingle + [0, 1, 2, 4][flags & 3]!;
  let size = sizeLength === 2 ? 256 : 0;
  for (let index = 0; index < sizeLength; index++) size += (bytes[start + index] ?? 0) * 2 ** (8 * index);
  return sizeLength === 0 ? null : size;
}

/**
 * Decompresses the bytes of a page.
 *
 * @param size the size afterwards
 * @throws Error where the bytes are damaged, of another size or of a codec that is not read
 */
export async function decompress(bytes: Uint8Array, size: number, codec: CompressionCodec): Promise<Uint8Array> {
  let page: Uint8Array;
  if (codec === "UNCOMPRESSED") page = bytes;
  else if (codec === "GZIP") page = await parseGzip(bytes);
  else if (codec === "ZSTD") {
    const said = zstdSize(bytes);
    if (said !== null && said !== size) throw new Error(`a zstd frame is of ${said} bytes but its page of ${size}`);
    page = decompressZstd(bytes, new Uint8Array(size));
  } else {
    if (codec === "SNAPPY" && snappySize(bytes) !== size) throw new Error(`a snappy block is not of ${size} bytes`);
    const decoder = compressors[codec];
    if (decoder === undefined) throw new Error(`the codec ${codec} is not read, write the file with zstd or snappy`);
    page = decoder(bytes, size);
  }
  if (page.length !== size) throw new Error(`a page has ${page.length} bytes but its header says ${size}`);
  return page;
}
