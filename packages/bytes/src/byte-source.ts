// Random access to bytes: the interface, a file, memory, and reading one through in chunks.
// It does not know what the bytes mean; http-source.ts and browser-source.ts implement the same interface.
import { FileError, toFileError } from "./file-error.ts";

/** Bytes of known length that can be read at any offset, in any order, by several readers at once. */
export interface ByteSource {
  /** The path or a label, for messages. */
  readonly name: string;
  /** Length in bytes. */
  readonly size: number;
  /**
   * Reads exactly `length` bytes from `offset` into memory of the caller's own, aligned to at least eight bytes.
   *
   * @param signal ends a long read between its parts; the promise then rejects with the signal's reason
   * @param into exactly `length` bytes, into which a source that can reads instead of into memory of its own
   * @throws FileError where the range does not lie inside the source or the medium fails
   */
  read(
    offset: number,
    length: number,
    signal?: AbortSignal,
    into?: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** Releases what the source holds; reading afterwards throws. Closing twice is harmless. */
  close(): Promise<void>;
}

/** Checks that a range lies inside a source, since a short read would be a silent error later. */
export function checkRange(name: string, size: number, offset: number, length: number): void {
  const valid = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (!valid || offset + length > size) {
    throw new FileError(
      name,
      "read",
      `the range of ${length} bytes at byte ${offset} does not lie inside its ${size} bytes, fetch the whole file again`,
      Number.isSafeInteger(offset) && offset >= 0 ? { byte: offset } : {},
    );
  }
}

/** What reading a closed source throws. */
export function closedError(name: string): FileError {
  return new FileError(name, "read", "it has been closed, open it again");
}

/** The same source, whose reads all end with `signal`; closing it closes the source. */
export function withSignal(source: ByteSource, signal: AbortSignal): ByteSource {
  return {
    name: source.name,
    size: source.size,
    read: (offset, length, own, into) =>
      source.read(offset, length, own === undefined ? signal : AbortSignal.any([signal, own]), into),
    close: () => source.close(),
  };
}

/**
 * A byte source over bytes in memory; reads return copies.
 *
 * @param bytes the bytes, which the caller must not change afterwards
 * @param name a label for messages
 */
export function memorySource(bytes: Uint8Array, name: string): ByteSource {
  let closed = false;
  return {
    name,
    size: bytes.byteLength,
    async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
      if (closed) throw closedError(name);
      checkRange(name, bytes.byteLength, offset, length);
      signal?.throwIfAborted();
      return bytes.slice(offset, offset + length) as Uint8Array<ArrayBuffer>;
    },
    async close(): Promise<void> {
      closed = true;
    },
  };
}

// One read of Node is limited to 2^31 - 1 bytes; parts of this size cost nothing and leave room to abort between them.
const readSizeLimit = 2 ** 24;

/**
 * Opens a file of the local disk (Node, Bun, Deno) for random access.
 *
 * @param path the file's path
 * @throws FileError where it does not exist, is a folder or cannot be read
 */
export async function openFile(path: string): Promise<ByteSource> {
  const { open } = await import("node:fs/promises");
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(path, "r");
  } catch (error) {
    throw toFileError(path, "open", error);
  }
  let size: number;
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw Object.assign(new Error("not a file"), { code: "EISDIR" });
    size = stats.size;
  } catch (error) {
    await handle.close();
    throw toFileError(path, "open", error);
  }
  let closing: Promise<void> | null = null;
  return {
    name: path,
    size,
    async read(
      offset: number,
      length: number,
      signal?: AbortSignal,
      into?: Uint8Array<ArrayBuffer>,
    ): Promise<Uint8Array<ArrayBuffer>> {
      if (closing !== null) throw closedError(path);
      checkRange(path, size, offset, length);
      signal?.throwIfAborted();
      const bytes = into ?? new Uint8Array(length);
      for (let done = 0; done < length; ) {
        signal?.throwIfAborted();
        let count: number;
        try {
          const part = Math.min(length - done, readSizeLimit);
          count = (await handle.read(bytes, done, part, offset + done)).bytesRead;
        } catch (error) {
          throw toFileError(path, "read", error);
        }
        if (count === 0) {
          const reason = `it ended at byte ${offset + done} but had ${size} bytes when opened, do not change it while reading`;
          throw new FileError(path, "read", reason, { byte: offset + done });
        }
        done += count;
      }
      return bytes;
    },
    close(): Promise<void> {
      closing ??= handle.close();
      return closing;
    },
  };
}

/**
 * Reads a source from its first byte to its last, a chunk at a time.
 *
 * @param source the source, which stays open
 * @param chunkSize bytes per chunk; the last may be shorter
 */
export async function* readChunks(
  source: ByteSource,
  chunkSize: number = 2 ** 20,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  for (let offset = 0; offset < source.size; offset += chunkSize) {
    yield await source.read(offset, Math.min(chunkSize, source.size - offset));
  }
}
