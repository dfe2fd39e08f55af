// Damaged files for fast-check: sound bytes changed as disks, networks and attackers change them.
// It does not know the format; what to aim at is given by offsets.
import fc from "fast-check";

/** Options of {@link mutatedBytes}. */
export interface MutationOptions {
  /** Bytes from the start that most changes fall on; all by default. */
  readonly headSize?: number;
  /** Characters that mean something in the format, put in place of others. */
  readonly characters?: string;
  /** The most changes to one file; 3. */
  readonly most?: number;
}

type Edit = (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;

/** Lengths and offsets that break careless arithmetic. */
const hostile: readonly bigint[] = [
  0n,
  1n,
  2n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  2n ** 40n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/**
 * Copies of `sound` with one to three changes each: bytes and characters replaced, integers of 32 and 64 bits made
 * hostile, ends cut off, runs removed, repeated, inserted or swapped.
 */
export function mutatedBytes(sound: Uint8Array, options: MutationOptions = {}): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const { headSize = sound.length, characters = '{}[]",:0123456789-.eE\\ntf', most = 3 } = options;
  const place = fc.oneof(
    { weight: 3, arbitrary: fc.nat(Math.max(0, headSize - 1)) },
    { weight: 1, arbitrary: fc.nat(Math.max(0, sound.length - 1)) },
  );
  const run = fc.oneof(fc.integer({ min: 1, max: 17 }), fc.nat(sound.length));
  const edit: fc.Arbitrary<Edit> = fc.oneof(
    fc.tuple(place, fc.nat(255)).map(
      ([at, byte]): Edit =>
        (bytes) =>
          overwrite(bytes, at, Uint8Array.of(byte)),
    ),
    fc.tuple(place, fc.constantFrom(...new TextEncoder().encode(characters))).map(
      ([at, byte]): Edit =>
        (bytes) =>
          overwrite(bytes, at, Uint8Array.of(byte)),
    ),
    fc.tuple(place, fc.constantFrom(...hostile), fc.constantFrom(4, 8)).map(([at, value, size]): Edit => {
      const integer = new Uint8Array(BigUint64Array.of(value).buffer).subarray(0, size);
      return (bytes) => overwrite(bytes, at, integer);
    }),
    fc.nat(sound.length).map(
      (at): Edit =>
        (bytes) =>
          bytes.slice(0, at),
    ),
    fc.tuple(place, run).map(
      ([at, size]): Edit =>
        (bytes) =>
          join(bytes.subarray(0, at), bytes.subarray(at + size)),
    ),
    fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 17 })).map(
      ([at, more]): Edit =>
        (bytes) =>
          join(bytes.subarray(0, at), more, bytes.subarray(at)),
    ),
    fc.tuple(place, place, run).map(
      ([at, from, size]): Edit =>
        (bytes) =>
          overwrite(bytes, at, bytes.slice(from, from + size)),
    ),
    fc.tuple(place, run).map(
      ([at, size]): Edit =>
        (bytes) =>
          join(bytes.subarray(0, at + size), bytes.subarray(at)),
    ),
  );
  return fc
    .array(edit, { minLength: 1, maxLength: most })
    .map((edits) => edits.reduce((bytes, each) => each(bytes), Uint8Array.from(sound)));
}

function overwrite(bytes: Uint8Array<ArrayBuffer>, at: number, values: Uint8Array): Uint8Array<ArrayBuffer> {
  const changed = bytes.slice();
  if (at < changed.length) changed.set(values.subarray(0, changed.length - at), at);
  return changed;
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
