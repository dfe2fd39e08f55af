// SHA-256 of byte sources. It does not know what the hash is compared with.
import { type ByteSource, readChunks } from "./byte-source.ts";

/**
 * SHA-256 of one or several sources read one after the other, as 64 lower-case hexadecimal digits.
 *
 * Streams where `node:crypto` exists; elsewhere WebCrypto, which needs all of the bytes in memory at once.
 *
 * @throws FileError where a source cannot be read
 */
export async function sha256(...sources: readonly ByteSource[]): Promise<string> {
  const createHash = await loadCreateHash();
  if (createHash !== null) {
    const hash = createHash("sha256");
    for (const source of sources) {
      for await (const chunk of readChunks(source)) hash.update(chunk);
    }
    return hash.digest("hex");
  }
  const bytes = new Uint8Array(sources.reduce((sum, source) => sum + source.size, 0));
  let offset = 0;
  for (const source of sources) {
    for await (const chunk of readChunks(source)) {
      bytes.set(chunk, offset);
      offset += chunk.byteLength;
    }
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function loadCreateHash(): Promise<typeof import("node:crypto").createHash | null> {
  try {
    return (await import("node:crypto")).createHash ?? null;
  } catch {
    return null;
  }
}
