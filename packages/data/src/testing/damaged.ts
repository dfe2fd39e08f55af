// Sound bytes with a few of them changed, cut out or doubled, as broken disks and transfers do.
import fc from "fast-check";

type Edit = readonly ["set" | "flip" | "remove" | "double" | "cut", number, number];

function applyEdit(bytes: Uint8Array, [kind, at, value]: Edit): Uint8Array {
  const place = at % Math.max(1, bytes.length);
  const length = 1 + (value % 9);
  if (kind === "cut") return bytes.slice(0, place);
  if (kind === "remove") return Uint8Array.of(...bytes.subarray(0, place), ...bytes.subarray(place + length));
  if (kind === "double") return Uint8Array.of(...bytes.subarray(0, place + length), ...bytes.subarray(place));
  const changed = bytes.slice();
  if (place < changed.length) changed[place] = kind === "set" ? value : changed[place]! ^ (1 << (value % 8));
  return changed;
}

/** Damaged copies of one of some sound files: one to three edits, mostly of single bytes. */
export function damaged(...sound: readonly Uint8Array[]): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const kind = fc.constantFrom(
    "set" as const,
    "set" as const,
    "flip" as const,
    "remove" as const,
    "double" as const,
    "cut" as const,
  );
  const edit = fc.tuple(kind, fc.nat(2 ** 31 - 1), fc.nat(255));
  return fc
    .tuple(fc.constantFrom(...sound), fc.array(edit, { minLength: 1, maxLength: 3 }))
    .map(([bytes, edits]) => new Uint8Array(edits.reduce(applyEdit, bytes)));
}
