// Memory that reads share. Systems clear fresh memory page by page, which costs more than reading a tensor does.
// Knows no checkpoint.

/** What one read gave is overwritten by the next that is given the same memory; it grows to the largest tensor. */
export class ReadMemory {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #floats: Float32Array<ArrayBuffer> = new Float32Array(0);

  /** Room for `length` bytes as stored. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(length);
    return this.#bytes.subarray(0, length);
  }

  /** Room for `length` numbers. */
  floats(length: number): Float32Array<ArrayBuffer> {
    if (this.#floats.length < length) this.#floats = new Float32Array(length);
    return this.#floats.subarray(0, length);
  }
}
