// Seeded random numbers, the same on every machine: splitmix32 to spread the seed, xoshiro128** to draw.

/** A stream of random numbers from a seed. */
export interface Random {
  /** An unsigned 32-bit integer. */
  uint32(): number;
  /** Uniform in [0, 1) with 32 bits. */
  uniform(): number;
  /** Standard normal (Box–Muller). */
  normal(): number;
  /** An integer in [0, bound). */
  integer(bound: number): number;
  /** A permutation of 0..length-1 (Fisher–Yates). */
  permutation(length: number): Uint32Array;
}

/** Creates the stream of `seed` (any integer) and an optional label, so that streams of one seed differ by purpose. */
export function createRandom(seed: number, label = ""): Random {
  let state = seed >>> 0;
  for (const character of label) state = Math.imul(state ^ character.codePointAt(0)!, 0x9e3779b1) >>> 0;
  const spread = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
  const s = [spread(), spread(), spread(), spread()] as [number, number, number, number];
  const rotate = (x: number, by: number) => ((x << by) | (x >>> (32 - by))) >>> 0;
  const uint32 = () => {
    const result = Math.imul(rotate(Math.imul(s[1], 5) >>> 0, 7), 9) >>> 0;
    const shifted = (s[1] << 9) >>> 0;
    s[2] = (s[2] ^ s[0]) >>> 0;
    s[3] = (s[3] ^ s[1]) >>> 0;
    s[1] = (s[1] ^ s[2]) >>> 0;
    s[0] = (s[0] ^ s[3]) >>> 0;
    s[2] = (s[2] ^ shifted) >>> 0;
    s[3] = rotate(s[3], 11);
    return result;
  };
  const uniform = () => uint32() / 4294967296;
  const integer = (bound: number) => Math.floor(uniform() * bound);
  return {
    uint32,
    uniform,
    integer,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    permutation: (length) => {
      const order = Uint32Array.from({ length }, (_, index) => index);
      for (let last = length - 1; last > 0; last--) {
        const other = integer(last + 1);
        const held = order[last]!;
        order[last] = order[other]!;
        order[other] = held;
      }
      return order;
    },
  };
}
