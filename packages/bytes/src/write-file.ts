// Writing whole files so that a reader sees the old one or the new one, never a part.
// It does not know what it writes, and it does not create folders.
import { toFileError } from "./file-error.ts";

let writeCount = 0;

/**
 * Writes a file beside its place, flushes it to the disk and renames it over the old one.
 *
 * Whatever fails or is killed, `path` holds either its old content or all of the new; the partial file is
 * removed on failure and, after a kill, remains under a name that ends in `.partial` until {@link removePartialFiles}.
 *
 * @param path where the file shall be; its folder must exist
 * @param data bytes, text (as UTF-8) or chunks of bytes
 * @throws FileError where the place is not writable; what an iterable throws is passed on unchanged
 */
export async function writeFileAtomic(
  path: string,
  data: Uint8Array | string | AsyncIterable<Uint8Array>,
): Promise<void> {
  const { open, rename, unlink } = await import("node:fs/promises");
  const partial = `${path}.${process.pid}-${writeCount++}.partial`;
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(partial, "w");
  } catch (error) {
    throw toFileError(path, "write", error);
  }
  let failure: unknown;
  let sourceFailed = false;
  try {
    try {
      const chunks = typeof data === "string" ? [new TextEncoder().encode(data)] : isBytes(data) ? [data] : data;
      const iterator = iterate(chunks);
      for (;;) {
        sourceFailed = true;
        const next = await iterator.next();
        sourceFailed = false;
        if (next.done) break;
        await writeAll(handle, next.value);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, path);
    await syncDirectoryOf(path);
    return;
  } catch (error) {
    failure = error;
  }
  await unlink(partial).catch(() => undefined);
  throw sourceFailed ? failure : toFileError(path, "write", failure);
}

/**
 * Removes what killed writers of a file left beside it. Nobody may be writing the file meanwhile.
 *
 * @param path the file, as it was given to {@link writeFileAtomic}; its folder must exist
 * @throws FileError where the folder cannot be read or a partial file not removed
 */
export async function removePartialFiles(path: string): Promise<void> {
  const [{ readdir, unlink }, { basename, dirname, join }] = await Promise.all([
    import("node:fs/promises"),
    import("node:path"),
  ]);
  const [folder, prefix] = [dirname(path), `${basename(path)}.`];
  try {
    for (const name of await readdir(folder)) {
      const isPartial = name.startsWith(prefix) && /^\d+-\d+\.partial$/.test(name.slice(prefix.length));
      if (isPartial) await unlink(join(folder, name));
    }
  } catch (error) {
    throw toFileError(path, "write", error);
  }
}

function isBytes(data: Uint8Array | AsyncIterable<Uint8Array>): data is Uint8Array {
  return ArrayBuffer.isView(data);
}

async function* iterate(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks;
}

async function writeAll(
  handle: { write(bytes: Uint8Array, offset: number, length: number): Promise<{ bytesWritten: number }> },
  bytes: Uint8Array,
): Promise<void> {
  // One write is limited to 2^31 - 1 bytes and may take fewer than asked.
  for (let done = 0; done < bytes.byteLength; ) {
    done += (await handle.write(bytes, done, Math.min(bytes.byteLength - done, 2 ** 30))).bytesWritten;
  }
}

/** The rename itself lives in the folder; file systems that cannot flush a folder have nothing to flush. */
async function syncDirectoryOf(path: string): Promise<void> {
  const [{ open }, { dirname }] = await Promise.all([import("node:fs/promises"), import("node:path")]);
  try {
    const directory = await open(dirname(path), "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } catch {
    // Windows refuses to open folders.
  }
}
