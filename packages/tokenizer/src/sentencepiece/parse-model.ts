// A sentencepiece .model file (the protobuf message ModelProto) as plain data, checked field by field.
// It does not know how the data is used; what a tokenizer does not need of the trainer is left unread.
import { findByteIds, isByteName, isTextKind, type Piece, pieceKindOf } from "../pieces/piece.ts";
import { malformed, TokenizerError } from "../tokenizer-error.ts";
import { ProtobufFault, type ProtobufField, readProtobuf } from "./protobuf.ts";

/** How text is normalised before it is cut. */
export interface NormalizerSpec {
  /** Replacements of characters, compiled; see `parseCharsmap`. Empty where there are none. */
  readonly precompiledCharsmap: Uint8Array;
  readonly addDummyPrefix: boolean;
  readonly removeExtraWhitespaces: boolean;
  readonly escapeWhitespaces: boolean;
}

/** What a .model file says. */
export interface SentencepieceModel {
  readonly pieces: readonly Piece[];
  readonly algorithm: "bpe" | "unigram";
  readonly byteFallback: boolean;
  /** Whether the space of a word stands after it, not before. */
  readonly whitespaceAsSuffix: boolean;
  readonly unknownSurface: string;
  readonly unknownId: number;
  readonly bosId: number | null;
  readonly eosId: number | null;
  readonly normalizer: NormalizerSpec;
}

const algorithms: Readonly<Record<number, "bpe" | "unigram" | string>> = {
  1: "unigram",
  2: "bpe",
  3: "word",
  4: "char",
};

class Reader {
  readonly #path: string;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  constructor(path: string) {
    this.#path = path;
  }

  *fields(message: Uint8Array, name: string): Generator<ProtobufField> {
    try {
      yield* readProtobuf(message);
    } catch (cause) {
      if (!(cause instanceof ProtobufFault)) throw cause;
      const text = `Cannot load tokenizer ${this.#path}: at byte ${cause.byte} of ${name} ${cause.message}, fetch the file again`;
      throw new TokenizerError(this.#path, text, { field: name, cause });
    }
  }

  bytes(field: ProtobufField, name: string): Uint8Array {
    if (field.type !== "bytes") throw malformed(this.#path, name, "of the wire type of bytes");
    return field.value;
  }

  text(field: ProtobufField, name: string): string {
    try {
      return this.#decoder.decode(this.bytes(field, name));
    } catch (cause) {
      if (cause instanceof TokenizerError) throw cause;
      throw malformed(this.#path, name, "text in UTF-8", cause);
    }
  }

  integer(field: ProtobufField, name: string): number {
    if (field.type !== "varint") throw malformed(this.#path, name, "of the wire type of integers");
    return field.low32;
  }

  flag(field: ProtobufField, name: string): boolean {
    if (field.type !== "varint") throw malformed(this.#path, name, "of the wire type of integers");
    return field.value !== 0;
  }

  float(field: ProtobufField, name: string): number {
    if (field.type !== "fixed32") throw malformed(this.#path, name, "of the wire type of 32-bit floats");
    const { buffer, byteOffset } = field.value;
    const value = new DataView(buffer, byteOffset, 4).getFloat32(0, true);
    if (!Number.isFinite(value)) throw malformed(this.#path, name, "a finite number");
    return value;
  }
}

function parsePiece(reader: Reader, message: Uint8Array, name: string, path: string): Piece {
  let text = "";
  let score = 0;
  let kind: Piece["kind"] | undefined = "normal";
  for (const field of reader.fields(message, name)) {
    if (field.number === 1) text = reader.text(field, `${name}.piece`);
    else if (field.number === 2) score = reader.float(field, `${name}.score`);
    else if (field.number === 3) kind = pieceKindOf(reader.integer(field, `${name}.type`));
  }
  if (kind === undefined) throw malformed(path, `${name}.type`, "an integer from 1 to 6");
  if (text === "") throw malformed(path, `${name}.piece`, "a non-empty text");
  if (kind === "byte" && !isByteName(text))
    throw malformed(path, `${name}.piece`, "<0x00> to <0xFF>, since it is a byte");
  return { text, score, kind };
}

/** Checks what only all pieces together can be wrong about; gives the id of the unknown piece. */
function checkPieces(pieces: readonly Piece[], path: string): number {
  const known = new Map<string, number>();
  let unknownId = -1;
  pieces.forEach(({ text, kind }, id) => {
    const key = `${isTextKind(kind) ? "text" : "reserved"} ${text}`;
    const other = known.get(key);
    if (other !== undefined) throw malformed(path, `pieces[${id}]`, `another text than that of piece ${other}`);
    known.set(key, id);
    if (kind !== "unknown") return;
    if (unknownId >= 0)
      throw malformed(path, `pieces[${id}].type`, `not that of the unknown, which piece ${unknownId} is`);
    unknownId = id;
  });
  if (unknownId < 0) throw malformed(path, "pieces", "a list with a piece for the unknown");
  return unknownId;
}

/**
 * Parses a sentencepiece model.
 *
 * @param bytes the file
 * @param path its path, for messages
 * @throws TokenizerError that names the field or the byte that is not as the format says
 */
export function parseSentencepieceModel(bytes: Uint8Array, path: string): SentencepieceModel {
  const reader = new Reader(path);
  const pieces: Piece[] = [];
  let algorithmCode = 1;
  let byteFallback = false;
  let whitespaceAsSuffix = false;
  let unknownSurface = " \u2047 ";
  let [bosName, eosName] = ["<s>", "</s>"];
  let [bosPlace, eosPlace] = [1, 2];
  let normalizer: NormalizerSpec = {
    precompiledCharsmap: new Uint8Array(0),
    addDummyPrefix: true,
    removeExtraWhitespaces: true,
    escapeWhitespaces: true,
  };
  for (const part of reader.fields(bytes, "the model")) {
    if (part.number === 1) {
      const name = `pieces[${pieces.length}]`;
      pieces.push(parsePiece(reader, reader.bytes(part, name), name, path));
    } else if (part.number === 2) {
      for (const field of reader.fields(reader.bytes(part, "trainer_spec"), "trainer_spec")) {
        const name = `trainer_spec field ${field.number}`;
        if (field.number === 3) algorithmCode = reader.integer(field, name);
        else if (field.number === 24) whitespaceAsSuffix = reader.flag(field, name);
        else if (field.number === 35) byteFallback = reader.flag(field, name);
        else if (field.number === 41) bosPlace = reader.integer(field, name);
        else if (field.number === 42) eosPlace = reader.integer(field, name);
        else if (field.number === 44) unknownSurface = reader.text(field, name);
        else if (field.number === 46) bosName = reader.text(field, name);
        else if (field.number === 47) eosName = reader.text(field, name);
      }
    } else if (part.number === 3) {
      for (const field of reader.fields(reader.bytes(part, "normalizer_spec"), "normalizer_spec")) {
        const name = `normalizer_spec field ${field.number}`;
        if (field.number === 2) normalizer = { ...normalizer, precompiledCharsmap: reader.bytes(field, name) };
        else if (field.number === 3) normalizer = { ...normalizer, addDummyPrefix: reader.flag(field, name) };
        else if (field.number === 4) normalizer = { ...normalizer, removeExtraWhitespaces: reader.flag(field, name) };
        else if (field.number === 5) normalizer = { ...normalizer, escapeWhitespaces: reader.flag(field, name) };
      }
    }
  }
  if (pieces.length === 0) throw malformed(path, "pieces", "a list of pieces, is this a sentencepiece model");
  const algorithm = algorithms[algorithmCode];
  if (algorithm !== "bpe" && algorithm !== "unigram") {
    throw malformed(path, "trainer_spec.model_type", `unigram or BPE, not ${algorithm ?? algorithmCode}`);
  }
  const unknownId = checkPieces(pieces, path);
  if (byteFallback && findByteIds(pieces) === null) {
    throw malformed(path, "pieces", "a list with all 256 bytes, since trainer_spec.byte_fallback is set");
  }
  const idOf = (name: string, place: number): number | null => {
    if (pieces[place]?.kind === "control" && pieces[place].text === name) return place;
    const id = pieces.findIndex(({ text, kind }) => text === name && kind === "control");
    return id < 0 ? null : id;
  };
  return {
    pieces,
    algorithm,
    byteFallback,
    whitespaceAsSuffix,
    unknownSurface,
    unknownId,
    bosId: bosPlace < 0 ? null : idOf(bosName, bosPlace),
    eosId: eosPlace < 0 ? null : idOf(eosName, eosPlace),
    normalizer,
  };
}
