// A tokenizer over a sentencepiece-like vocabulary, whatever file it came from.
// It does not read files: formats give it pieces, a normaliser and their defaults.
import { spellByte } from "../algorithms/byte-pieces.ts";
import { assembleTokenizer } from "../assemble-tokenizer.ts";
import { createSurfaceStream, type SpaceStrip, type Surface } from "../detokenizer.ts";
import { createSpecialSplitter, type SpecialToken } from "../special-tokens.ts";
import type { Tokenizer } from "../tokenizer.ts";
import type { TokenizerConfig } from "../tokenizer-config.ts";
import { TokenizerError } from "../tokenizer-error.ts";
import { isTextKind, type Piece } from "./piece.ts";
import { createPieceEncoder, type PieceModel } from "./piece-encoder.ts";

/** What a format says of its vocabulary. */
export interface PieceTokenizerOptions extends PieceModel {
  readonly config: TokenizerConfig;
  readonly sha256: string;
  readonly description: string;
  readonly bosId: number | null;
  readonly eosId: number | null;
  /** Whether a text begins and ends so where the config does not say. */
  readonly addBos: boolean;
  readonly addEos: boolean;
  /** Further ids that end a text. */
  readonly endIds?: readonly number[];
  /** What control tokens are called in texts, where not as in the vocabulary. */
  readonly controlNames?: ReadonlyMap<number, string>;
  /** A text as the vocabulary spells it: its spaces, and one in front where the model was trained so. */
  normalise(text: string): string;
  /** Which spaces at the beginning decoding takes away. */
  readonly strip: SpaceStrip;
  /** What the unknown token decodes to. */
  readonly unknownSurface: string;
}

// Far above any vocabulary in use.
const idLimit = 2 ** 22;

/** Creates a tokenizer over pieces. */
export function createPieceTokenizer(options: PieceTokenizerOptions): Tokenizer {
  const { config, pieces, space, controlNames } = options;
  const named = new Set(config.specialTokens);
  const special: SpecialToken[] = [];
  const plain: SpecialToken[] = [];
  const added = new Map<number, string>();
  const ids = new Map<string, number>();
  const spelled = pieces.map((piece, id): Piece => {
    const name = controlNames?.get(id) ?? piece.text;
    if (!ids.has(name)) ids.set(name, id);
    const isNamed = named.has(name) && piece.kind !== "byte";
    if (name !== "" && (piece.kind === "control" || isNamed)) special.push({ id, content: name });
    return isNamed && piece.kind !== "unknown" ? { ...piece, kind: "control" } : piece;
  });
  for (const { id, content, special: isSpecial } of config.addedTokens) {
    if (id >= idLimit || (id < pieces.length && pieces[id]!.kind !== "unused")) continue;
    added.set(id, content);
    ids.set(content, id);
    (isSpecial || named.has(content) ? special : plain).push({ id, content });
  }
  const vocabSize = [...added.keys()].reduce((size, id) => Math.max(size, id + 1), pieces.length);

  const idOf = (token: string | null, otherwise: number | null): number | null =>
    (token === null ? undefined : ids.get(token)) ?? otherwise;
  const bosId = idOf(config.bosToken, options.bosId);
  const eosId = idOf(config.eosToken, options.eosId);
  const nameOf = (id: number | null): string | null =>
    id === null ? null : (added.get(id) ?? controlNames?.get(id) ?? pieces[id]?.text ?? null);
  const isIn = (id: number | null): id is number => id !== null && id >= 0 && id < vocabSize;
  for (const [role, id] of [
    ["bos", bosId],
    ["eos", eosId],
  ] as const) {
    if (id === null || isIn(id)) continue;
    const message = `Cannot load tokenizer ${config.path}: its ${role} id is ${id} but its vocabulary has ${vocabSize} pieces, fetch the file again`;
    throw new TokenizerError(config.path, message, { field: `${role}_id` });
  }

  const encode = createPieceEncoder({ ...options, pieces: spelled });
  const splitPlain = plain.length === 0 ? null : createSpecialSplitter(plain);
  const texts = pieces.map(({ text }) => (space === " " ? text : text.replaceAll(space, " ")));
  const surfaceOf = (id: number): Surface => {
    const kind = pieces[id]?.kind;
    if (added.has(id)) return added.get(id)!;
    if (kind === undefined) return null;
    if (kind === "byte") return Uint8Array.of(Number.parseInt(pieces[id]!.text.slice(3, 5), 16));
    if (kind === "unknown") return options.unknownSurface;
    return kind === "control" ? (controlNames?.get(id) ?? pieces[id]!.text) : texts[id]!;
  };
  return assembleTokenizer({
    config: { ...config, bosToken: config.bosToken ?? nameOf(bosId), eosToken: config.eosToken ?? nameOf(eosId) },
    sha256: options.sha256,
    description: options.description,
    vocabSize,
    special,
    bosToken: bosId ?? config.generationBosId,
    eosTokens: [...new Set([eosId, ...(options.endIds ?? []), ...config.generationEosIds])].filter(isIn),
    frame: {
      before: bosId !== null && (config.addBosToken ?? options.addBos) ? [bosId] : [],
      after: eosId !== null && (config.addEosToken ?? options.addEos) ? [eosId] : [],
    },
    encodeText(text) {
      if (splitPlain === null) return encode(options.normalise(text));
      return splitPlain(text, []).flatMap((part) =>
        typeof part === "number" ? [part] : encode(options.normalise(part)),
      );
    },
    createStream(isShown) {
      const shownSurface = (id: number): Surface => (isShown(id) ? surfaceOf(id) : null);
      return createSurfaceStream(shownSurface, options.strip, (id) => !added.has(id) && isTextKind(pieces[id]!.kind));
    },
    tokenText(id) {
      const kind = pieces[id]?.kind;
      if (kind === "unknown") return pieces[id]!.text;
      const surface = surfaceOf(id);
      if (surface === null) return `<id ${id}>`;
      if (typeof surface === "string") return surface;
      return surface[0]! < 0x80 ? String.fromCharCode(surface[0]!) : spellByte(surface[0]!);
    },
  });
}
