// SHA-256 in plain JavaScript, fed part by part: for places without a streaming hash of their own, such as browsers.
// It knows neither sources nor files.

/** The first 32 bits of the fractional part of the n-th root of the first `count` primes. */
function rootBits(count: number, root: number): Uint32Array {
  const primes: number[] = [];
  for (let candidate = 2; primes.length < count; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  }
  return Uint32Array.from(primes, (prime) => {
    // The floor of prime^(1/root)·2^32, exactly: a float64 guess lacks the last bits.
    const target = BigInt(prime) << BigInt(32 * root);
    let floor = BigInt(Math.floor(prime ** (1 / root) * 2 ** 32));
    while (floor ** BigInt(root) > target) floor--;
    while ((floor + 1n) ** BigInt(root) <= target) floor++;
    return Number(floor & 0xffffffffn);
  });
}

const constants = rootBits(64, 3);
const blockSize = 64;

/** A hash under way. */
export class Sha256 {
  readonly #state = rootBits(8, 2);
  readonly #words = new Uint32Array(64);
  readonly #block = new Uint8Array(blockSize);
  #held = 0;
  #size = 0;

  /** Takes in more bytes. */
  update(bytes: Uint8Array): void {
    this.#size += bytes.length;
    let at = 0;
    if (this.#held > 0) {
      at = Math.min(bytes.length, blockSize - this.#held);
      this.#block.set(bytes.subarray(0, at), this.#held);
      this.#held += at;
      if (this.#held < blockSize) return;
      this.#compress(this.#block, 0);
      this.#held = 0;
    }
    for (; at + blockSize <= bytes.length; at += blockSize) this.#compress(bytes, at);
    this.#block.set(bytes.subarray(at));
    this.#held = bytes.length - at;
  }

  /** The hash as 64 lower-case hexadecimal digits; nothing may be taken in afterwards. */
  digest(_encoding: "hex"): string {
    const bits = BigInt(this.#size) * 8n;
    // One bit, zeros up to eight bytes before a block's end, and the length in bits.
    const padding = new Uint8Array((this.#held < 56 ? 56 : 120) - this.#held + 8);
    padding[0] = 0x80;
    new DataView(padding.buffer).setBigUint64(padding.length - 8, bits);
    this.update(padding);
    return Array.from(this.#state, (word) => word.toString(16).padStart(8, "0")).join("");
  }

  #compress(bytes: Uint8Array, at: number): void {
    const [words, state] = [this.#words, this.#state];
    for (let index = 0; index < 16; index++) {
      const from = at + 4 * index;
      words[index] = (bytes[from]! << 24) | (bytes[from + 1]! << 16) | (bytes[from + 2]! << 8) | bytes[from + 3]!;
    }
    for (let index = 16; index < 64; index++) {
      const [early, late] = [words[index - 15]!, words[index - 2]!];
      const small = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3);
      const large = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10);
      words[index] = words[index - 16]! + small + words[index - 7]! + large;
    }
    let a = state[0]!;
    let b = state[1]!;
    let c = state[2]!;
    let d = state[3]!;
    let e = state[4]!;
    let f = state[5]!;
    let g = state[6]!;
    let h = state[7]!;
    for (let index = 0; index < 64; index++) {
      const choice = (e & f) ^ (~e & g);
      const mixedE = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
      const first = (h + mixedE + choice + constants[index]! + words[index]!) | 0;
      const majority = (a & b) ^ (a & c) ^ (b & c);
      const mixedA = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
      h = g;
      g = f;
      f = e;
      e = (d + first) | 0;
      d = c;
      c = b;
      b = a;
      a = (first + mixedA + majority) | 0;
    }
    for (const [index, value] of [a, b, c, d, e, f, g, h].entries()) state[index] = state[index]! + value;
  }
}

function rotate(word: number, count: number): number {
  return (word >>> count) | (word << (32 - count));
}
