// The hash of sources of which somebody reads most parts anyway: what is read in order is hashed in passing, the rest is
// read in the end. It does not know what the bytes mean.
import type { ByteSource } from "./byte-source.ts";
import { createSha256, type StreamingHash } from "./sha256.ts";

// What lies between two parts read, such as headers, is read for the hash where it is no longer than this.
const gapLimit = 2 ** 26;
const chunkSize = 2 ** 20;

/** SHA-256 over sources one after the other, of which a part from the start has been hashed. */
export class PrefixHash {
  readonly #sources: readonly ByteSource[];
  /** Where each source begins, all being one after the other. */
  readonly #starts: readonly number[];
  readonly #size: number;
  #hash: StreamingHash | null = null;
  #hashed = 0;
  #result: Promise<string> | null = null;
  // Several readers may pass at once: one after the other touches the hash.
  #turn: Promise<void> = Promise.resolve();

  constructor(sources: readonly ByteSource[]) {
    this.#sources = sources;
    let start = 0;
    this.#starts = sources.map(({ size }) => {
      start += size;
      return start - size;
    });
    this.#size = start;
  }

  /** Bytes that need not be read again for the hash. */
  get hashedBytes(): number {
    return this.#hashed;
  }

  /**
   * Takes in bytes that were read from a source; those not next in turn are left for the end.
   *
   * @throws FileError where a short gap before them cannot be read
   */
  async take(source: ByteSource, offset: number, bytes: Uint8Array): Promise<void> {
    const from = this.#starts[this.#sources.indexOf(source)]! + offset;
    await this.#inTurn(async () => {
      const gap = from - this.#hashed;
      if (this.#result !== null || gap > gapLimit || gap + bytes.length <= 0) return;
      if (gap > 0) await this.#readTo(from);
      await this.#update(bytes.subarray(this.#hashed - from));
    });
  }

  /**
   * The hash as 64 lower-case hexadecimal digits; reads what was not read in order.
   *
   * @throws FileError where a source cannot be read
   */
  digest(): Promise<string> {
    this.#result ??= this.#inTurn(async () => {
      await this.#readTo(this.#size);
      this.#hash ??= await createSha256();
      return this.#hash.digest("hex");
    });
    return this.#result;
  }

  async #readTo(end: number): Promise<void> {
    for (const [index, source] of this.#sources.entries()) {
      const start = this.#starts[index]!;
      const last = Math.min(end, start + source.size);
      while (this.#hashed < last) {
        const offset = this.#hashed - start;
        await this.#update(await source.read(offset, Math.min(chunkSize, last - this.#hashed)));
      }
    }
  }

  async #update(bytes: Uint8Array): Promise<void> {
    this.#hash ??= await createSha256();
    this.#hash.update(bytes);
    this.#hashed += bytes.length;
  }

  #inTurn<Out>(body: () => Promise<Out>): Promise<Out> {
    const result = this.#turn.then(body);
    this.#turn = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }
}
