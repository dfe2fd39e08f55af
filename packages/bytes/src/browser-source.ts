// Random access to what browsers hold: blobs, files a user picked, and the origin's private file system (OPFS).
// It knows no DOM: handles are taken by their shape, so that any of the kind will do.
import { type ByteSource, checkRange, closedError } from "./byte-source.ts";
import { FileError } from "./file-error.ts";

/** What is asked of a Blob or File. */
export interface BlobLike {
  /** Length in bytes. */
  readonly size: number;
  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/** What is asked of a FileSystemFileHandle. */
export interface FileHandleLike {
  readonly name: string;
  getFile(): Promise<BlobLike>;
}

/** What is asked of a FileSystemDirectoryHandle. */
export interface DirectoryHandleLike {
  getDirectoryHandle(name: string): Promise<DirectoryHandleLike>;
  getFileHandle(name: string): Promise<FileHandleLike>;
}

// Parts of a long read: an abort is heard between them, and a browser holds no more than one beside the result.
const partSize = 2 ** 24;

/**
 * A byte source over a Blob or File, for example one a user picked; nothing is read before it is asked for.
 *
 * @param name a label for messages
 */
export function blobSource(blob: BlobLike, name: string): ByteSource {
  const { size } = blob;
  let closed = false;
  return {
    name,
    size,
    async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
      if (closed) throw closedError(name);
      checkRange(name, size, offset, length);
      signal?.throwIfAborted();
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        signal?.throwIfAborted();
        const wanted = Math.min(partSize, length - done);
        const part = await readPart(blob, name, offset + done, wanted);
        bytes.set(part, done);
        done += wanted;
      }
      return bytes;
    },
    async close(): Promise<void> {
      closed = true;
    },
  };
}

async function readPart(blob: BlobLike, name: string, offset: number, length: number): Promise<Uint8Array> {
  let buffer: ArrayBuffer;
  try {
    buffer = await blob.slice(offset, offset + length).arrayBuffer();
  } catch (error) {
    // A snapshot of a file that has been written since cannot be read any more.
    throw toStorageError(name, "read", error);
  }
  if (buffer.byteLength === length) return new Uint8Array(buffer);
  const reason = `it gave ${buffer.byteLength} of ${length} bytes at byte ${offset}, do not change it while reading`;
  throw new FileError(name, "read", reason, { byte: offset });
}

/**
 * Opens a file by its handle: one of OPFS, or one that a user picked and allowed.
 *
 * What is read is the file as it was now; once it is written, reads fail instead of mixing two versions.
 *
 * @throws FileError where the file is gone or may not be read
 */
export async function openFileHandle(handle: FileHandleLike, name: string = handle.name): Promise<ByteSource> {
  try {
    return blobSource(await handle.getFile(), name);
  } catch (error) {
    throw toStorageError(name, "open", error);
  }
}

/**
 * Opens a file of the origin's private file system.
 *
 * @param path folders and name, separated by `/`
 * @param root the folder `path` begins in; the root of OPFS by default
 * @throws FileError where there is no such file, or no such file system
 */
export async function openOpfs(path: string, root?: DirectoryHandleLike): Promise<ByteSource> {
  const parts = path.split("/").filter((part) => part !== "");
  const fileName = parts.pop();
  if (fileName === undefined) throw new FileError(path, "open", "it names no file, name one");
  let handle: FileHandleLike;
  try {
    let folder = root ?? ((await navigator.storage.getDirectory()) as DirectoryHandleLike);
    for (const part of parts) folder = await folder.getDirectoryHandle(part);
    handle = await folder.getFileHandle(fileName);
  } catch (error) {
    throw toStorageError(path, "open", error);
  }
  return openFileHandle(handle, path);
}

const reasonsByName: Readonly<Record<string, string>> = {
  NotFoundError: "there is no such file or folder, check the path",
  TypeMismatchError: "a part of the path is of another kind than the path says, check the path",
  NotAllowedError: "the user has not allowed it, ask again",
  SecurityError: "this page may not use the storage, serve it from a secure origin",
  NotReadableError: "it has changed or gone since it was opened, open it again",
};

function toStorageError(name: string, action: "open" | "read", cause: unknown): FileError {
  const { name: kind, message } = cause as { name?: unknown; message?: unknown };
  const known = typeof kind === "string" ? reasonsByName[kind] : undefined;
  return new FileError(name, action, known ?? String(message ?? cause), { cause });
}
