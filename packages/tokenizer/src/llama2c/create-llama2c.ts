// A tokenizer from the .bin file of llama2.c: scored pieces, one after the other.
// It does not know the model, whose vocabulary may be smaller than the file's.
import { findByteIds, isByteName, type Piece, type PieceKind } from "../pieces/piece.ts";
import { createPieceTokenizer } from "../pieces/piece-tokenizer.ts";
import type { Tokenizer } from "../tokenizer.ts";
import type { TokenizerConfig } from "../tokenizer-config.ts";
import { malformed } from "../tokenizer-error.ts";

// The places that the format gives to the unknown, the beginning and the end of a text, and the first byte.
const unknownId = 0;
const bosId = 1;
const eosId = 2;
const firstByteId = 3;

function parsePieces(bytes: Uint8Array, path: string): readonly Piece[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4 || view.getInt32(0, true) < 1) {
    throw malformed(path, "byte 0", "the positive length of the longest piece, is this a tokenizer of llama2.c");
  }
  const longest = view.getInt32(0, true);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const pieces: Piece[] = [];
  for (let at = 4; at < bytes.length; ) {
    const name = `piece ${pieces.length} at byte ${at}`;
    if (at + 8 > bytes.length) throw malformed(path, name, "a score, a length and a text, but the file ends");
    const score = view.getFloat32(at, true);
    const length = view.getInt32(at + 4, true);
    if (!Number.isFinite(score)) throw malformed(path, `the score of ${name}`, "a finite number");
    if (length < 0 || length > longest || at + 8 + length > bytes.length) {
      throw malformed(
        path,
        `the length of ${name}`,
        `from 0 to ${Math.min(longest, bytes.length - at - 8)}, not ${length}`,
      );
    }
    const text = ((): string => {
      try {
        return decoder.decode(bytes.subarray(at + 8, at + 8 + length));
      } catch (cause) {
        throw malformed(path, name, "text in UTF-8", cause);
      }
    })();
    const id = pieces.length;
    const kind: PieceKind = id === unknownId ? "unknown" : id === bosId || id === eosId ? "control" : "normal";
    pieces.push({ text, score, kind });
    at += 8 + length;
  }
  if (pieces.length <= eosId) throw malformed(path, "the file", "a list of more than 3 pieces");
  // Bytes are what stands in their places, and only where all of them do.
  const places = pieces.slice(firstByteId, firstByteId + 256);
  const areBytes =
    places.length === 256 &&
    places.every(({ text }, byte) => isByteName(text) && Number.parseInt(text.slice(3, 5), 16) === byte);
  return areBytes
    ? pieces.map((piece, id) => (id >= firstByteId && id < firstByteId + 256 ? { ...piece, kind: "byte" } : piece))
    : pieces;
}

/**
 * Creates a tokenizer from the file that llama2.c reads (`tokenizer.bin`, `tok512.bin`).
 *
 * @param bytes the file
 * @param config the settings of the files beside it, see `parseTokenizerConfig`
 * @param sha256 hash of the file, which heads and features record
 * @throws TokenizerError that names the byte where the file is not as the format says
 */
export function createLlama2cTokenizer(bytes: Uint8Array, config: TokenizerConfig, sha256: string): Tokenizer {
  const pieces = parsePieces(bytes, config.path);
  return createPieceTokenizer({
    config,
    sha256,
    description: `${config.path}, llama2.c BPE of ${pieces.length} pieces`,
    pieces,
    algorithm: "bpe",
    byteIds: findByteIds(pieces),
    unknownId,
    bosId,
    eosId,
    addBos: true,
    addEos: false,
    // The file writes them with line breaks around.
    controlNames: new Map([bosId, eosId].map((id) => [id, pieces[id]!.text.trim()])),
    space: " ",
    normalise: (text) => (text === "" ? "" : ` ${text}`),
    strip: "one",
    unknownSurface: pieces[unknownId]!.text,
  });
}
