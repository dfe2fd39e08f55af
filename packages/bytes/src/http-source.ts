// Random access over HTTP by range requests: what the server answers is checked before a byte is believed, and a range
// that drops is fetched on from where it stopped. It knows no hub and keeps no cache.
import { type ByteSource, checkRange, closedError } from "./byte-source.ts";
import { FileError } from "./file-error.ts";

/** Options of {@link openHttp}. */
export interface HttpSourceOptions {
  /** The fetch to use; the platform's by default. */
  readonly fetch?: typeof globalThis.fetch;
  /** Headers of every request, for example authorization. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Requests in a row that may bring nothing before a read gives up; 4. */
  readonly attempts?: number;
  /** Milliseconds to wait before attempt 2; each further wait is twice the one before. 250. */
  readonly waitMilliseconds?: number;
  /** Ends opening; reads have signals of their own. */
  readonly signal?: AbortSignal;
}

/** A range as the server says it is: first and last byte, and the length of the whole or null where it does not say. */
interface ContentRange {
  readonly first: number;
  readonly last: number;
  readonly size: number | null;
}

/** A failure that another attempt may not meet again. */
class Dropped extends Error {}

/**
 * Opens a file behind a URL by asking for its first byte, from which the server's `Content-Range` gives the length.
 *
 * Each read is one request, or more where one drops: dropped connections, 408, 429 and 5xx are tried again from the byte
 * they stopped at, with growing waits. An answer of another range, length or version (`ETag`) is an error.
 *
 * @throws FileError where the server does not answer ranges, compresses them, or cannot be reached
 */
export async function openHttp(url: string | URL, options: HttpSourceOptions = {}): Promise<ByteSource> {
  const name = String(url);
  const fetcher = new RangeFetcher(name, options);
  const { size, etag } = await fetcher.probe(options.signal);
  const closing = new AbortController();
  return {
    name,
    size,
    async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
      if (closing.signal.aborted) throw closedError(name);
      checkRange(name, size, offset, length);
      signal?.throwIfAborted();
      if (length === 0) return new Uint8Array(0);
      const either = signal === undefined ? closing.signal : AbortSignal.any([closing.signal, signal]);
      return fetcher.read(offset, length, { size, etag }, either);
    },
    async close(): Promise<void> {
      closing.abort(closedError(name));
    },
  };
}

class RangeFetcher {
  readonly #name: string;
  readonly #options: HttpSourceOptions;
  constructor(name: string, options: HttpSourceOptions) {
    this.#name = name;
    this.#options = options;
  }

  /** Length and version of the whole, by its first byte. */
  async probe(signal: AbortSignal | undefined): Promise<{ readonly size: number; readonly etag: string | null }> {
    return this.#attempt("open", signal, async () => {
      const response = await this.#request("open", 0, 0, signal);
      await discard(response);
      const etag = response.headers.get("etag");
      const contentRange = response.headers.get("content-range") ?? "";
      if (response.status === 416 && /^bytes \*\/0$/.test(contentRange)) return { size: 0, etag };
      const range = this.#checkPartial("open", response, 0, 0);
      if (range.size === null) throw this.#error("open", "the server does not say how long it is, download it whole");
      return { size: range.size, etag };
    });
  }

  /** Reads a range that lies inside the whole, going on from where a connection drops. */
  async read(
    offset: number,
    length: number,
    whole: { readonly size: number; readonly etag: string | null },
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    let bytes: Uint8Array<ArrayBuffer> | null = null;
    let done = 0;
    while (done < length) {
      await this.#attempt("read", signal, async () => {
        const first = offset + done;
        const response = await this.#request("read", first, offset + length - 1, signal);
        try {
          const { last, size } = this.#checkPartial("read", response, first, offset + length - 1);
          const etag = response.headers.get("etag");
          if ((size !== null && size !== whole.size) || (whole.etag !== null && etag !== null && etag !== whole.etag)) {
            throw this.#error("read", "it has changed on the server since it was opened, open it again");
          }
          // Memory is taken only now that the server has promised the range.
          bytes ??= new Uint8Array(length);
          const count = await this.#fill(bytes.subarray(done, last + 1 - offset), response, first, signal);
          done += count;
          // Bytes that came are progress: the next request begins behind them, with all its attempts.
          if (count === 0) throw new Dropped(`the connection ended at byte ${first}`);
        } finally {
          await discard(response);
        }
      });
    }
    return bytes!;
  }

  /** Copies a body into memory until either ends; answers with the bytes copied. */
  async #fill(target: Uint8Array, response: Response, first: number, signal: AbortSignal): Promise<number> {
    const reader = response.body?.getReader();
    if (reader === undefined) return 0;
    let count = 0;
    try {
      for (;;) {
        signal.throwIfAborted();
        const next = await reader.read();
        if (next.done) return count;
        if (count + next.value.length > target.length) {
          const reason = `the server sent more than the ${target.length} bytes at byte ${first} it announced, try again later`;
          throw this.#error("read", reason, first);
        }
        target.set(next.value, count);
        count += next.value.length;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof FileError) throw error;
      if (count > 0) return count;
      throw new Dropped(messageOf(error));
    } finally {
      await reader.cancel().catch(() => undefined);
      reader.releaseLock();
    }
  }

  async #request(
    action: "open" | "read",
    first: number,
    last: number,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    signal?.throwIfAborted();
    const { fetch = globalThis.fetch, headers = {} } = this.#options;
    let response: Response;
    try {
      response = await fetch(this.#name, {
        // Ranges of a compressed answer would be ranges of other bytes.
        headers: { ...headers, range: `bytes=${first}-${last}`, "accept-encoding": "identity" },
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw new Dropped(messageOf(error));
    }
    const { status } = response;
    if (status === 206 || status === 416) return response;
    await discard(response);
    if (status === 408 || status === 429 || status >= 500) throw new Dropped(`the server answered ${status}`);
    if (status === 200) throw this.#error(action, "the server does not answer ranges, download it whole");
    throw this.#error(action, `the server answered ${status}, check the address and the permission`);
  }

  /** The range of a partial answer, which must begin where it was asked to and go no further than asked. */
  #checkPartial(action: "open" | "read", response: Response, first: number, last: number): ContentRange {
    const encoding = response.headers.get("content-encoding");
    if (encoding !== null && encoding !== "identity") {
      throw this.#error(action, `the server compresses ranges (${encoding}), download it whole`);
    }
    const header = response.headers.get("content-range");
    const range = parseContentRange(header);
    if (response.status === 206 && range !== null && range.first === first && range.last <= last) return range;
    const found = response.status === 206 ? `content-range ${header ?? "not shown"}` : `status ${response.status}`;
    throw this.#error(
      action,
      `bytes ${first} to ${last} were asked for but the answer has ${found}, open it again`,
      first,
    );
  }

  /** Runs `body` until it does not drop, at most as often as there are attempts. */
  async #attempt<Out>(
    action: "open" | "read",
    signal: AbortSignal | undefined,
    body: () => Promise<Out>,
  ): Promise<Out> {
    const { attempts = 4, waitMilliseconds = 250 } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        return await body();
      } catch (error) {
        if (!(error instanceof Dropped)) throw error;
        if (attempt >= attempts) {
          const reason = `${error.message}; ${attempts} attempts in a row failed, check the connection and run again`;
          throw this.#error(action, reason);
        }
      }
      await wait(waitMilliseconds * 2 ** (attempt - 1), signal);
    }
  }

  #error(action: "open" | "read", reason: string, byte?: number): FileError {
    return new FileError(this.#name, action, reason, byte === undefined ? {} : { byte });
  }
}

function parseContentRange(header: string | null): ContentRange | null {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/.exec(header ?? "");
  if (match === null) return null;
  const [first, last] = [Number(match[1]), Number(match[2])];
  const size = match[3] === "*" ? null : Number(match[3]);
  return first <= last && (size === null || last < size) ? { first, last, size } : null;
}

function messageOf(error: unknown): string {
  const { message, cause } = error as { message?: unknown; cause?: { message?: unknown } };
  return `the connection failed (${String(cause?.message ?? message ?? error)})`;
}

/** Lets go of a body nobody reads, so that its connection is free. */
async function discard(response: Response): Promise<void> {
  if (!response.bodyUsed && !response.body?.locked) await response.body?.cancel().catch(() => undefined);
}

function wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", end, { once: true });
  });
}
