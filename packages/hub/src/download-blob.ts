// One blob from the hub into the cache: resumed where it broke off, its length and hash checked before it gets its name.
// Knows no repository layout.
import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open, rename, stat, unlink } from "node:fs/promises";
import { toFileError } from "@dual-head/bytes";
import { type ClaimOptions, claimPartial } from "./claim.ts";
import { HubError, type HubFacts } from "./hub-error.ts";
import type { ListedFile } from "./listing.ts";
import { describeName } from "./repository-name.ts";
import { describeGoal, request, type Transport, withRetries } from "./transport.ts";

/** What a download tells while it goes on. */
export interface BlobWatcher extends Pick<ClaimOptions, "abandonedSeconds" | "pollSeconds"> {
  /** Bytes of the file that are on disk now; falls where it begins anew. `fresh` of them have just arrived. */
  readonly onBytes: (onDisk: number, fresh: number) => void;
  readonly onWait: () => void;
}

/**
 * Fetches a blob unless it is there with its length.
 *
 * @param url where its bytes are
 * @param blobPath where it shall be; its folder must exist
 * @throws HubError where the hub refuses, fails for good, or sends bytes of another length or hash
 * @throws FileError where the disk does not take it
 */
export async function downloadBlob(
  transport: Transport,
  url: string,
  file: ListedFile,
  blobPath: string,
  watcher: BlobWatcher,
): Promise<void> {
  if (await hasLength(blobPath, file.size)) return watcher.onBytes(file.size, 0);
  // A file of another length under the name of a hash is damaged.
  await unlink(blobPath).catch(() => undefined);
  const claim = await claimPartial(blobPath, { ...watcher, signal: transport.signal });
  if (claim === null) return downloadBlob(transport, url, file, blobPath, watcher);
  try {
    const handle = await open(claim.path, "r+");
    try {
      const writer = new BlobWriter(handle, file);
      await writer.restore();
      watcher.onBytes(writer.length, 0);
      await fill(transport, url, file, writer, watcher);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(claim.path, blobPath);
  } catch (error) {
    if (error instanceof HubError && (error.facts.fault === "hash" || error.facts.fault === "length")) {
      await unlink(claim.path).catch(() => undefined);
    }
    transport.signal?.throwIfAborted();
    if (error instanceof HubError) throw error;
    // Another process may have taken the file for abandoned and finished it.
    if (await hasLength(blobPath, file.size)) return watcher.onBytes(file.size, 0);
    throw toFileError(blobPath, "write", error);
  } finally {
    await claim.release();
  }
}

/** Fetches until the file is whole and its hash right; bytes of the wrong hash are fetched once more from the start. */
async function fill(
  transport: Transport,
  url: string,
  file: ListedFile,
  writer: BlobWriter,
  watcher: BlobWatcher,
): Promise<void> {
  for (let again = false; ; again = true) {
    let lengthBefore = writer.length;
    const version: Version = { tag: null };
    while (writer.length < file.size) {
      await withRetries(
        transport,
        file.path,
        async () => {
          lengthBefore = writer.length;
          await fetchRest(transport, url, file, writer, watcher, version);
        },
        () => writer.length > lengthBefore,
      );
    }
    const actual = writer.digest();
    if (actual === file.oid) return;
    await writer.clear();
    watcher.onBytes(0, 0);
    if (again) throw wrongBytes(transport, file, "hash", `${file.hash} ${file.oid}`, actual);
    transport.onRetry(`the hash of ${file.path} is ${actual} and not ${file.oid}`, 0, file.path);
  }
}

/** Names the version of the bytes so far, so that a file that changes meanwhile is not stitched from two. */
interface Version {
  tag: string | null;
}

/** One request for what is missing. */
async function fetchRest(
  transport: Transport,
  url: string,
  file: ListedFile,
  writer: BlobWriter,
  watcher: BlobWatcher,
  version: Version,
): Promise<void> {
  const stall = new AbortController();
  const { stallSeconds } = transport.retry;
  let timer: NodeJS.Timeout | undefined;
  const expectBytes = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stall.abort(new Error(`no byte came for ${stallSeconds} s`)), stallSeconds * 1000);
  };
  const signal = transport.signal === undefined ? stall.signal : AbortSignal.any([transport.signal, stall.signal]);
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (writer.length > 0) headers.range = `bytes=${writer.length}-`;
  if (writer.length > 0 && version.tag !== null) headers["if-range"] = version.tag;
  expectBytes();
  try {
    const response = await request(transport, url, { headers, signal }, file.path).catch((error: unknown) => {
      // What is on disk is longer than what the server has, or it knows no ranges at all: begin anew.
      if (error instanceof HubError && error.facts.status === 416) return null;
      throw error;
    });
    if (response === null) {
      if (writer.length === 0) throw wrongBytes(transport, file, "length", `${file.size} bytes`, "status 416");
      await writer.clear();
      watcher.onBytes(0, 0);
      return;
    }
    if (response.status !== 206 && writer.length > 0) {
      await writer.clear();
      watcher.onBytes(0, 0);
    }
    try {
      checkLengths(transport, file, response, writer.length);
    } catch (error) {
      await response.body?.cancel();
      throw error;
    }
    const tag = response.headers.get("etag");
    // A weak tag does not promise equal bytes.
    version.tag = tag === null || tag.startsWith("W/") ? null : tag;
    await receive(transport, file, response, writer, watcher, expectBytes);
  } finally {
    clearTimeout(timer);
  }
}

/** Throws where the headers announce another length than the listing, or a part that was not asked for. */
function checkLengths(transport: Transport, file: ListedFile, response: Response, offset: number): void {
  const rangeHeader = response.headers.get("content-range");
  if (response.status === 206) {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(rangeHeader ?? "");
    if (range === null || Number(range[1]) !== offset) {
      throw wrongBytes(transport, file, "bad-response", `bytes from ${offset}`, rangeHeader ?? "no Content-Range");
    }
    if (range[2] !== "*" && Number(range[2]) !== file.size) {
      throw wrongBytes(transport, file, "length", `${file.size} bytes`, `${range[2]} bytes`);
    }
  }
  const announced = response.headers.get("content-length");
  if (announced !== null && response.headers.get("content-encoding") === null) {
    const total = offset + Number(announced);
    if (total !== file.size) throw wrongBytes(transport, file, "length", `${file.size} bytes`, `${total} bytes`);
  }
}

async function receive(
  transport: Transport,
  file: ListedFile,
  response: Response,
  writer: BlobWriter,
  watcher: BlobWatcher,
  expectBytes: () => void,
): Promise<void> {
  if (response.body === null) throw interrupted(transport, file, writer.length, "the answer is empty");
  const reader = response.body.getReader();
  try {
    for (;;) {
      let part: Awaited<ReturnType<typeof reader.read>>;
      try {
        part = await reader.read();
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw interrupted(transport, file, writer.length, why, error);
      }
      if (part.done) break;
      expectBytes();
      if (writer.length + part.value.byteLength > file.size) {
        throw wrongBytes(transport, file, "length", `${file.size} bytes`, "more");
      }
      await writer.append(part.value);
      watcher.onBytes(writer.length, part.value.byteLength);
    }
    if (writer.length < file.size) throw interrupted(transport, file, writer.length, "the answer ends early");
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    throw error;
  }
}

function interrupted(transport: Transport, file: ListedFile, length: number, why: string, cause?: unknown): HubError {
  return new HubError(
    `Cannot fetch ${describeGoal(transport, file.path)}: the connection broke at byte ${length} of ${file.size} (${why}); what was fetched is kept, try again`,
    { fault: "unavailable", repository: describeName(transport.repository), path: file.path, transient: true },
    { cause },
  );
}

function wrongBytes(
  transport: Transport,
  file: ListedFile,
  fault: Extract<HubFacts["fault"], "length" | "hash" | "bad-response">,
  expected: string,
  actual: string,
): HubError {
  return new HubError(
    `Cannot fetch ${describeGoal(transport, file.path)}: the hub lists ${expected} but ${transport.settings.endpoint} sends ${actual}; what was fetched is dropped, try again or check HF_ENDPOINT`,
    { fault, repository: describeName(transport.repository), path: file.path, expected, actual },
  );
}

async function hasLength(path: string, size: number): Promise<boolean> {
  const stats = await stat(path).catch(() => null);
  return stats?.isFile() === true && stats.size === size;
}

/** A partial file with the running hash of all its bytes. */
class BlobWriter {
  readonly #handle: FileHandle;
  readonly #file: ListedFile;
  #hash: Hash;
  length = 0;

  constructor(handle: FileHandle, file: ListedFile) {
    this.#handle = handle;
    this.#file = file;
    this.#hash = startHash(file);
  }

  /** Takes over the bytes that are there; a file that is too long begins anew. */
  async restore(): Promise<void> {
    const { size } = await this.#handle.stat();
    if (size > this.#file.size) return this.clear();
    const chunk = new Uint8Array(2 ** 20);
    while (this.length < size) {
      const { bytesRead } = await this.#handle.read(chunk, 0, Math.min(chunk.length, size - this.length), this.length);
      if (bytesRead === 0) break;
      this.#hash.update(chunk.subarray(0, bytesRead));
      this.length += bytesRead;
    }
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.byteLength; ) {
      const rest = bytes.byteLength - done;
      done += (await this.#handle.write(bytes, done, rest, this.length + done)).bytesWritten;
    }
    this.#hash.update(bytes);
    this.length += bytes.byteLength;
  }

  async clear(): Promise<void> {
    await this.#handle.truncate(0);
    this.#hash = startHash(this.#file);
    this.length = 0;
  }

  /** The hash of all bytes, once. */
  digest(): string {
    return this.#hash.digest("hex");
  }
}

function startHash({ hash, size }: ListedFile): Hash {
  // Git hashes a blob with its kind and length before it.
  return hash === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}
