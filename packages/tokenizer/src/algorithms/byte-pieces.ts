// Pieces that stand for bytes rather than characters, and how to show those that are no text by themselves.
// Two spellings exist: <0xE2> of sentencepiece, and the printable alphabet of GPT-2.

/** GPT-2's alphabet: each byte as one printable character; bytes that print stand for themselves. */
export const byteCharacters: readonly string[] = createByteCharacters();

function createByteCharacters(): readonly string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const prints = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(prints ? byte : next++);
  });
}

const byteAlphabet: ReadonlyMap<string, number> = new Map(byteCharacters.map((character, byte) => [character, byte]));

/** The bytes that a piece in GPT-2's alphabet stands for, or null where a character is not of it. */
export function bytesOfPiece(piece: string): Uint8Array | null {
  const bytes = Array.from(piece, (character) => byteAlphabet.get(character));
  return bytes.includes(undefined) ? null : Uint8Array.from(bytes as number[]);
}

/** A byte that is no text by itself, as `<0xE2>`. */
export function spellByte(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/** Bytes with those that are no printable ASCII spelled as `<0xE2>`. */
export function spellBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : spellByte(byte))).join(
    "",
  );
}
