// Seeded random numbers: xoshiro128** on 32-bit integers, so that a seed gives the same stream on every engine.
// Not for cryptography, and it knows nothing of what the numbers choose.

/** A stream of random numbers. */
export interface Random {
  /** The next number in [0, 1), a multiple of 2⁻⁵³. */
  uniform(): number;
}

function rotateLeft(x: number, count: number): number {
  return (x << count) | (x >>> (32 - count));
}

/**
 * Creates the stream of a seed. The state is filled by a splitmix-style mixer, so that near seeds give unrelated streams.
 *
 * @param seed an integer in [0, 2⁵³)
 * @throws RangeError where the seed is not one
 */
export function createRandom(seed: number): Random {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`Cannot create a random stream: the seed is ${seed}, give an integer in [0, 2^53)`);
  }
  const high = Math.floor(seed / 2 ** 32);
  let mixed = seed >>> 0;
  function mix(): number {
    mixed = (mixed + 0x9e3779b9) | 0;
    let z = mixed ^ high;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  }
  let a = mix();
  let b = mix();
  let c = mix();
  let d = mix();
  // The all-zero state is the only one the generator cannot leave.
  if ((a | b | c | d) === 0) a = 1;

  function next(): number {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9);
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return result >>> 0;
  }

  return { uniform: () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53 };
}
