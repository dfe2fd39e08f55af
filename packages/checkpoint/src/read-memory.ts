// Memory that reads share. Systems clear fresh memory page by page, which costs more than reading a tensor does.
// Knows no checkpoint.

/** What one read gave is overwritten by the next that is given the same memory; it grows to the largest tensor. */
export class ReadMemory {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #floats: Float32Array<ArrayBuffer> = new Float32Array(0);
  readonly #parts: [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>] = [new Uint8Array(0), new Uint8Array(0)];

  /** Room for `length` bytes as stored. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(length);
    return this.#bytes.subarray(0, length);
  }

  /** Room for a part of a tensor as stored, of which there are two. */
  part(length: number, index: number): Uint8Array<ArrayBuffer> {
    const at = index === 0 ? 0 : 1;
    if (this.#parts[at].length < length) this.#parts[at] = new Uint8Array(length);
    return this.#parts[at].subarray(0, length);
  }

  /** Room for `length` numbers. */
  floats(length: number): Float32Array<ArrayBuffer> {
    if (this.#floats.length < length) this.#floats = new Float32Array(length);
    return this.#floats.subarray(0, length);
  }
}
