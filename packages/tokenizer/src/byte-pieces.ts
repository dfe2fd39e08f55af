// Pieces that stand for bytes rather than characters, and how to show those that are no text by themselves.
// Two spellings exist: <0xE2> of sentencepiece, and the printable alphabet of GPT-2.

const byteToken = /^<0x([0-9A-F]{2})>$/;

/** GPT-2's alphabet: each byte as one printable character; bytes that print stand for themselves. */
function createByteAlphabet(): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const prints = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    bytes.set(String.fromCharCode(prints ? byte : next++), byte);
  }
  return bytes;
}

const byteAlphabet = createByteAlphabet();

function spell(byte: number): string {
  return byte >= 0x20 && byte < 0x7f
    ? String.fromCharCode(byte)
    : `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/** The bytes of a piece with those that are no printable ASCII spelled as `<0xE2>`. */
export function spellBytes(piece: string, byteLevel: boolean): string {
  if (byteToken.test(piece)) return piece;
  const bytes = byteLevel ? [...piece].map((character) => byteAlphabet.get(character)) : [undefined];
  if (bytes.includes(undefined)) return piece;
  return bytes.map((byte) => spell(byte!)).join("");
}
