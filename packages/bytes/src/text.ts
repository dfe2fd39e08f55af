// Text from bytes: gzip undone, UTF-8 checked, lines cut. It does not know what the lines say.
import { type ByteSource, openFile, readChunks } from "./byte-source.ts";
import { FileError } from "./file-error.ts";

/** Whether bytes begin with the signature of gzip; the name of a file is not asked. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Undoes gzip, of several members behind each other where the host has zlib; the streams of browsers end with the first. */
function gunzipStream(): ReadableWritablePair<Uint8Array, Uint8Array<ArrayBuffer>> {
  const host = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process;
  const zlib = host?.getBuiltinModule?.("node:zlib") as typeof import("node:zlib") | undefined;
  const stream = host?.getBuiltinModule?.("node:stream") as typeof import("node:stream") | undefined;
  if (zlib === undefined || stream === undefined) return new DecompressionStream("gzip");
  return stream.Duplex.toWeb(zlib.createGunzip()) as ReturnType<typeof gunzipStream>;
}

async function* gunzip(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = chunks[Symbol.asyncIterator]();
  let sourceError: unknown = null;
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller): Promise<void> {
      try {
        const next = await iterator.next();
        if (next.done) controller.close();
        else controller.enqueue(next.value as Uint8Array<ArrayBuffer>);
      } catch (error) {
        sourceError = error;
        controller.error(error);
      }
    },
  });
  const reader = stream.pipeThrough(gunzipStream()).getReader();
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      size += value.byteLength;
      yield value;
    }
  } catch (error) {
    if (sourceError !== null) throw sourceError;
    const detail = error instanceof Error ? error.message : String(error);
    const reason = `the gzip data is damaged after ${size} decompressed bytes (${detail}), fetch the file again`;
    throw new FileError(name, "decompress", reason, { cause: error, byte: size });
  } finally {
    await reader.cancel().catch(() => undefined);
    await iterator.return?.(undefined);
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of chunks) {
    parts.push(part);
    size += part.byteLength;
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}

/**
 * Decompresses gzip, by the platform's own DecompressionStream.
 *
 * @param name a label for messages
 * @throws FileError where the data is truncated or damaged
 */
export function parseGzip(bytes: Uint8Array, name: string = "gzip data"): Promise<Uint8Array<ArrayBuffer>> {
  return collect(gunzip(once(bytes), name));
}

/** Offset of the first byte that is not part of well-formed UTF-8, or -1. */
function findInvalidUtf8(bytes: Uint8Array): number {
  for (let index = 0; index < bytes.length; ) {
    const lead = bytes[index]!;
    const length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (length === 0) return index;
    // The second byte rules out overlong forms, surrogates and code points past U+10FFFF.
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    for (let next = 1; next < length; next++) {
      const byte = bytes[index + next] ?? 0;
      if (byte < (next === 1 ? low : 0x80) || byte > (next === 1 ? high : 0xbf)) return index;
    }
    index += length;
  }
  return -1;
}

function notUtf8(name: string, byte: number): FileError {
  return new FileError(name, "decode", `byte ${byte} is not UTF-8, convert the file to UTF-8`, { byte });
}

/**
 * Decodes UTF-8 strictly; a byte order mark at the start is dropped.
 *
 * @param name a label for messages
 * @throws FileError that names the first byte which is not UTF-8
 */
export function decodeText(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const byte = findInvalidUtf8(bytes);
    if (byte >= 0) throw notUtf8(name, byte);
    throw new FileError(name, "decode", `its ${bytes.length} bytes are too many for one string, split it`, { cause });
  }
}

/** The bytes of a source from the start, decompressed where they are gzip. */
async function* plainChunks(source: ByteSource): AsyncGenerator<Uint8Array, void, undefined> {
  const start = await source.read(0, Math.min(2, source.size));
  yield* isGzip(start) ? gunzip(readChunks(source), source.name) : readChunks(source);
}

/**
 * Reads a text file whole; gzip is recognised by its signature and undone.
 *
 * @throws FileError where it cannot be read, decompressed or decoded
 */
export async function readText(path: string): Promise<string> {
  const source = await openFile(path);
  try {
    return decodeText(await collect(plainChunks(source)), path);
  } finally {
    await source.close();
  }
}

/**
 * Reads a text file a line at a time, without the line feeds; gzip is recognised by its signature and undone.
 *
 * A line feed at the very end does not begin another line. Memory stays at one chunk and one line.
 *
 * @throws FileError where it cannot be read, decompressed or decoded
 */
export async function* readLines(path: string): AsyncGenerator<string, void, undefined> {
  const source = await openFile(path);
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true });
    let rest = "";
    let lineCount = 0;
    const decode = (chunk?: Uint8Array): string => {
      try {
        return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
      } catch (cause) {
        const line = lineCount + 1;
        const reason = `the bytes after line ${lineCount} are not UTF-8, convert the file to UTF-8`;
        throw new FileError(path, "decode", reason, { cause, line });
      }
    };
    for await (const chunk of plainChunks(source)) {
      const text = decode(chunk);
      let start = 0;
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
        yield rest + text.slice(start, end);
        rest = "";
        start = end + 1;
        lineCount++;
      }
      rest += text.slice(start);
    }
    rest += decode();
    if (rest !== "") yield rest;
  } finally {
    await source.close();
  }
}
