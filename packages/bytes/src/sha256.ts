// SHA-256 of byte sources. It does not know what the hash is compared with.
import { type ByteSource, readChunks } from "./byte-source.ts";
import { Sha256 } from "./sha256-digest.ts";

/**
 * SHA-256 of one or several sources read one after the other, as 64 lower-case hexadecimal digits.
 *
 * A part is in memory at a time: by `node:crypto` where there is one, else in plain JavaScript, since WebCrypto needs all
 * of the bytes at once.
 *
 * @throws FileError where a source cannot be read
 */
export async function sha256(...sources: readonly ByteSource[]): Promise<string> {
  const hash = await createSha256();
  for (const source of sources) {
    for await (const chunk of readChunks(source)) hash.update(chunk);
  }
  return hash.digest("hex");
}

/** A hash that is fed part by part. */
export interface StreamingHash {
  update(bytes: Uint8Array): unknown;
  digest(encoding: "hex"): string;
}

/** Begins a hash: by `node:crypto` where there is one, else in plain JavaScript. */
export async function createSha256(): Promise<StreamingHash> {
  const createHash = await loadCreateHash();
  return createHash?.("sha256") ?? new Sha256();
}

async function loadCreateHash(): Promise<typeof import("node:crypto").createHash | null> {
  try {
    return (await import("node:crypto")).createHash ?? null;
  } catch {
    return null;
  }
}
