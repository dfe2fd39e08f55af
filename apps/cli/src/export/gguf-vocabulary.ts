// tokenizer.json as the fields of a GGUF vocabulary, where llama.cpp then cuts every text as the original does.
// What it cannot say exactly is refused by name. Knows no model.
import type { Checkpoint, GgufValue, MetadataValue } from "@dual-head/checkpoint";
import { UsageError } from "../io.ts";
import { scoresOfMerges } from "./merge-scores.ts";

/** What the vocabulary is made of. */
export interface VocabularySource {
  /** The parsed tokenizer.json. */
  readonly json: unknown;
  /** Its path, for messages. */
  readonly path: string;
  /** Rows of the model's embedding; ids beyond the tokenizer's become unused tokens. */
  readonly vocabSize: number;
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | null;
  /** Whether a text begins and ends with those tokens. */
  readonly addBos: boolean;
  readonly addEos: boolean;
  readonly chatTemplate: string | null;
}

interface Json {
  readonly [key: string]: unknown;
}

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
  readonly single_word?: boolean;
}

interface Piece {
  readonly text: string;
  /** As in GGUF: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 a byte. */
  readonly type: number;
}

/**
 * The fields `tokenizer.*` of a GGUF file.
 *
 * @throws UsageError that names what has no exact counterpart
 */
export function ggufVocabulary(source: VocabularySource): Readonly<Record<string, GgufValue>> {
  const json = source.json as Json;
  const model = json.model as Json | undefined;
  const refuse = refuser(source.path);
  if (model?.type !== "BPE") refuse(`its model is ${describe(model?.type)}`, "BPE is written");
  for (const key of ["continuing_subword_prefix", "end_of_word_suffix", "dropout"]) {
    if (model![key] !== null && model![key] !== undefined && model![key] !== "") {
      refuse(`its ${key} is ${describe(model![key])}`, "none is written");
    }
  }
  const pieces = piecesOf(source, json, model!);
  const merges = mergesOf(model!);
  const own = isByteLevel(json)
    ? byteLevelFields(json, model!, merges, source)
    : spaceMarkedFields(json, model!, merges, pieces, source);
  const { bosTokenId, eosTokenId, chatTemplate } = source;
  return {
    ...own,
    "tokenizer.ggml.tokens": { strings: pieces.map(({ text }) => text) },
    "tokenizer.ggml.token_type": { i32s: pieces.map(({ type }) => type) },
    ...(bosTokenId === null ? {} : { "tokenizer.ggml.bos_token_id": { u32: bosTokenId } }),
    ...(eosTokenId === null ? {} : { "tokenizer.ggml.eos_token_id": { u32: eosTokenId } }),
    "tokenizer.ggml.add_bos_token": { bool: source.addBos },
    "tokenizer.ggml.add_eos_token": { bool: source.addEos },
    ...(chatTemplate === null ? {} : { "tokenizer.chat_template": { string: chatTemplate } }),
  };
}

/** Pairs of pieces; where they are one text, the space that separates them is the one between two pieces. */
function mergesOf({ merges, vocab }: Json): readonly (readonly [string, string])[] {
  const known = vocab as Readonly<Record<string, number>>;
  return (merges as readonly (string | readonly [string, string])[]).map((merge) => {
    if (typeof merge !== "string") return merge;
    for (let at = merge.indexOf(" "); at >= 0; at = merge.indexOf(" ", at + 1)) {
      const [left, right] = [merge.slice(0, at), merge.slice(at + 1)];
      if (Object.hasOwn(known, left) && Object.hasOwn(known, right)) return [left, right];
    }
    return [merge, ""];
  });
}

/** The fields `tokenizer.*` of a GGUF file, as they are. */
export function copiedVocabulary({
  path,
  fields,
}: Pick<Checkpoint, "path" | "fields">): Readonly<Record<string, GgufValue>> {
  const own = [...fields].filter(([key]) => key.startsWith("tokenizer."));
  return Object.fromEntries(own.map(([key, value]) => [key, copiedValue(path, key, value)]));
}

function copiedValue(path: string, key: string, value: MetadataValue): GgufValue {
  if (typeof value === "string") return { string: value };
  if (typeof value === "boolean") return { bool: value };
  // Ids of tokens are the only numbers of a vocabulary.
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return { u32: value };
  if (value instanceof Float32Array) return { f32s: [...value] };
  if (value instanceof Int32Array) return { i32s: [...value] };
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) return { strings: value };
  return refuser(path)(
    `its field ${key} is of another type`,
    "texts, flags, ids, and lists of texts, scores and types",
  );
}

function refuser(path: string): (what: string, known: string) => never {
  return (what, known) => {
    throw new UsageError(
      `Cannot write the tokenizer ${path} as GGUF: ${what}, of which only this has an exact counterpart: ${known}; export a folder without --gguf`,
    );
  };
}

function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}

/** The pieces by id: the model's, those added, and unused ones for the rows without. */
function piecesOf({ path, vocabSize }: VocabularySource, json: Json, model: Json): readonly Piece[] {
  const pieces: (Piece | undefined)[] = new Array(vocabSize).fill(undefined);
  const place = (id: number, piece: Piece) => {
    if (id >= vocabSize) {
      refuser(path)(
        `token ${id} ${describe(piece.text)} has no row in the model, which has ${vocabSize}`,
        "as many rows",
      );
    }
    pieces[id] = piece;
  };
  const bytes = model.byte_fallback === true;
  for (const [text, id] of Object.entries(model.vocab as Readonly<Record<string, number>>)) {
    const isByte = bytes && /^<0x[0-9A-F]{2}>$/.test(text);
    place(id, { text, type: isByte ? 6 : text === model.unk_token ? 2 : 1 });
  }
  for (const added of (json.added_tokens ?? []) as readonly AddedToken[]) {
    const sided = (["lstrip", "rstrip", "single_word"] as const).find((key) => added[key] === true);
    if (sided !== undefined) refuser(path)(`its token ${describe(added.content)} has ${sided}`, "tokens without");
    place(added.id, { text: added.content, type: added.content === model.unk_token ? 2 : added.special ? 3 : 4 });
  }
  return pieces.map((piece, id) => piece ?? { text: `[PAD${id}]`, type: 5 });
}

/** The parts of a normaliser, pre-tokeniser or decoder, a sequence as its members. */
function partsOf(value: unknown, members: string): readonly Json[] {
  if (value === null || value === undefined) return [];
  const part = value as Json;
  return part.type === "Sequence"
    ? (part[members] as readonly Json[]).flatMap((each) => partsOf(each, members))
    : [part];
}

function isByteLevel(json: Json): boolean {
  return partsOf(json.pre_tokenizer, "pretokenizers").some(({ type }) => type === "ByteLevel");
}

const llama3Pattern =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const qwen2Pattern = llama3Pattern.replace("\\p{N}{1,3}", "\\p{N}");

/** Names that llama.cpp has for ways to cut text before byte-level BPE, each as its parts are written in tokenizer.json. */
function byteLevelName(json: Json): string | null {
  const parts = partsOf(json.pre_tokenizer, "pretokenizers");
  const last = parts.at(-1)!;
  if (last.type !== "ByteLevel" || last.add_prefix_space === true) return null;
  const before = parts.slice(0, -1);
  if (before.length === 0) return last.use_regex === false ? null : "gpt-2";
  const [first] = before;
  if (before.length > 1) return null;
  if (first!.type === "Digits") return first!.individual_digits === true && last.use_regex !== false ? "smollm" : null;
  if (first!.type !== "Split" || last.use_regex !== false) return null;
  if (first!.behavior !== "Isolated" || first!.invert === true) return null;
  const pattern = (first!.pattern as Json | undefined)?.Regex;
  return pattern === llama3Pattern ? "llama-bpe" : pattern === qwen2Pattern ? "qwen2" : null;
}

function byteLevelFields(
  json: Json,
  model: Json,
  merges: readonly (readonly [string, string])[],
  source: VocabularySource,
): Readonly<Record<string, GgufValue>> {
  const refuse = refuser(source.path);
  const pre = byteLevelName(json);
  if (pre === null) {
    refuse(`its pre-tokenizer is ${describe(json.pre_tokenizer)}`, "those of GPT-2, LLaMA 3, Qwen2 and SmolLM");
  }
  const normalisers = partsOf(json.normalizer, "normalizers");
  // llama.cpp does not compose characters; texts are nearly always composed already, and then nothing differs.
  const harmless = normalisers.length === 0 || (pre === "qwen2" && normalisers.every(({ type }) => type === "NFC"));
  if (!harmless) refuse(`its normalizer is ${describe(json.normalizer)}`, "none");
  if (model.ignore_merges === true && pre !== "llama-bpe")
    refuse("its model ignores merges", "so does LLaMA 3's alone");
  return {
    "tokenizer.ggml.model": { string: "gpt2" },
    "tokenizer.ggml.pre": { string: pre! },
    "tokenizer.ggml.merges": { strings: merges.map((pair) => pair.join(" ")) },
  };
}

/** Whether a text gets a space before it, from the forms that spaces marked by ▁ are written in; null for others. */
function spacePrefix(json: Json): boolean | null {
  const normalisers = partsOf(json.normalizer, "normalizers");
  const before = partsOf(json.pre_tokenizer, "pretokenizers");
  const replaces = (part: Json) =>
    part.type === "Replace" && (part.pattern as Json | undefined)?.String === " " && part.content === "▁";
  if (before.length === 0) {
    if (normalisers.length === 1 && replaces(normalisers[0]!)) return false;
    const [prepend, replace] = normalisers;
    const known = normalisers.length === 2 && prepend!.type === "Prepend" && prepend!.prepend === "▁";
    return known && replaces(replace!) ? true : null;
  }
  const [only] = before;
  if (normalisers.length > 0 || before.length > 1 || only!.type !== "Metaspace" || only!.replacement !== "▁")
    return null;
  // A text cut at spaces merges less than one that is not.
  if (only!.split !== false) return null;
  // "first" adds none after a control token, where llama.cpp adds one.
  return only!.prepend_scheme === "never" ? false : only!.prepend_scheme === "always" ? true : null;
}

function spaceMarkedFields(
  json: Json,
  model: Json,
  merges: readonly (readonly [string, string])[],
  pieces: readonly Piece[],
  source: VocabularySource,
): Readonly<Record<string, GgufValue>> {
  const refuse = refuser(source.path);
  const prefix = spacePrefix(json);
  if (prefix === null) {
    const both = { normalizer: json.normalizer, pre_tokenizer: json.pre_tokenizer };
    refuse(`it prepares text by ${describe(both)}`, "▁ for spaces, in one piece, with or without one before the text");
  }
  if (model.ignore_merges === true) refuse("its model ignores merges", "a model that does not");
  if (model.byte_fallback !== true) refuse("its model has no bytes for unknown characters", "byte_fallback");
  const unknown = pieces.findIndex(({ type }) => type === 2);
  return {
    "tokenizer.ggml.model": { string: "llama" },
    "tokenizer.ggml.pre": { string: "default" },
    "tokenizer.ggml.scores": { f32s: scoresOfPieces(merges, pieces, refuse) },
    "tokenizer.ggml.add_space_prefix": { bool: prefix! },
    ...(unknown < 0 ? {} : { "tokenizer.ggml.unknown_token_id": { u32: unknown } }),
  };
}

function scoresOfPieces(
  merges: readonly (readonly [string, string])[],
  pieces: readonly Piece[],
  refuse: (what: string, known: string) => never,
): readonly number[] {
  const ids = new Map(pieces.flatMap(({ text, type }, id) => (type === 1 ? [[text, id] as const] : [])));
  const found = scoresOfMerges(merges, new Set(ids.keys()));
  if ("fault" in found) refuse(found.fault, "pairs that are joined alike by rank and by score");
  const { scores } = found as { readonly scores: ReadonlyMap<string, number> };
  // Pieces that no pair makes are never joined to: theirs are the last.
  return pieces.map(({ text, type }, id) => (type === 1 ? (scores.get(text) ?? -(merges.length + id)) : 0));
}
