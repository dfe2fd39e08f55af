// The file of trained heads: one safetensors with everything needed to use it rightly, and a card for people. Versioned;
// a file for another backbone, tokenizer, shape or version is refused. Knows no training step.
import { findPathKind, writeFileAtomic } from "@dual-head/bytes";
import { type Checkpoint, openCheckpoint, writeSafetensors } from "@dual-head/checkpoint";
import {
  createGate,
  type Gate,
  type GateConfig,
  type GateParams,
  type MixingMode,
  mixingModes,
} from "@dual-head/gating";
import { createHead, type HeadConfig, type HeadParams, type RewardHead } from "@dual-head/heads";
import type { Device, PackedDtype } from "@dual-head/tensor-core";
import * as v from "valibot";
import { headsCard } from "./card.ts";
import { HeadsFileError } from "./errors.ts";
import type { HeldOutFigures } from "./evaluate.ts";
import type { TrainedParams } from "./objective.ts";
import { loadTensors, storeTree } from "./stored-tensors.ts";

/** The name of the file in a heads folder. */
export const headsFileName = "heads.safetensors";
/** The name of the card beside it. */
export const cardFileName = "card.md";
const format = "dual-head heads";
const version = "1";

/** What a heads file says of itself. */
export interface HeadsDescription {
  readonly head: HeadConfig;
  readonly gate: GateConfig;
  readonly hiddenSize: number;
  readonly vocabSize: number;
  readonly backboneSha256: string;
  /** How the backbone's matrices were held in training; other roundings give slightly other hidden states. */
  readonly backboneDtype: string;
  readonly tokenizerSha256: string;
  /** The settings it was trained with. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly figures: HeadsFigures;
}

/** What training led to; `heldOut` is null before the end, or where nothing was held out. */
export interface HeadsFigures {
  readonly step: number;
  readonly stepCount: number;
  readonly trainLoss: number | null;
  readonly heldOut: HeldOutFigures | null;
  readonly device: string;
}

/** Heads ready for use; the caller disposes the parameters. */
export interface LoadedHeads extends Disposable {
  readonly head: RewardHead;
  readonly headParams: HeadParams;
  readonly gate: Gate;
  readonly gateParams: GateParams;
  readonly description: HeadsDescription;
}

/** The model that heads are to be used with. */
export interface HeadsTarget {
  readonly backboneSha256: string;
  /** Left out where no tokenizer is used; it is then not checked. */
  readonly tokenizerSha256?: string | undefined;
  readonly hiddenSize: number;
  readonly vocabSize: number;
}

/** Options of loadHeads. */
export interface LoadHeadsOptions {
  /** How a head's large matrices are held, default "f32": packed they cost a token what the model's own do. */
  readonly dtype?: "f32" | PackedDtype | undefined;
}

/**
 * Writes `heads.safetensors`, whole or not at all, and `card.md` into a folder.
 *
 * @throws FileError where the folder is not writable
 */
export async function saveHeads(folder: string, params: TrainedParams, description: HeadsDescription): Promise<void> {
  const tensors = { ...(await storeTree("head", params.head)), ...(await storeTree("gate", params.gate)) };
  await writeSafetensors(`${folder}/${headsFileName}`, tensors, {
    format,
    version,
    head: JSON.stringify(description.head),
    gate: JSON.stringify(description.gate),
    hiddenSize: String(description.hiddenSize),
    vocabSize: String(description.vocabSize),
    backboneSha256: description.backboneSha256,
    backboneDtype: description.backboneDtype,
    tokenizerSha256: description.tokenizerSha256,
    settings: JSON.stringify(description.settings),
    figures: JSON.stringify(description.figures),
  });
  await writeFileAtomic(`${folder}/${cardFileName}`, headsCard(description));
}

/** Matrices of fewer rows or columns are read in no time, and stay floats. */
const narrowest = 64;

/** Whether a parameter of a head is a matrix that is held as the model's are. */
export function isLargeMatrix([rows = 1, columns = 1]: readonly number[], hiddenSize: number): boolean {
  return Math.min(rows, columns) >= Math.min(narrowest, hiddenSize);
}

const positive = v.pipe(v.number(), v.integer(), v.minValue(1));
const headSchema = v.variant("kind", [
  v.object({ kind: v.literal("linear"), initialise: v.picklist(["base", "zero", "random"]), bias: v.boolean() }),
  v.object({ kind: v.literal("low-rank"), rank: positive, bias: v.boolean() }),
  v.object({ kind: v.literal("residual"), width: positive, bias: v.boolean() }),
  v.object({
    kind: v.literal("block"),
    width: positive,
    headCount: positive,
    feedForwardSize: positive,
    bias: v.boolean(),
  }),
]);
const gateSchema = v.variant("kind", [
  v.object({
    kind: v.literal("attention"),
    hiddenSize: positive,
    width: positive,
    headCount: positive,
    initialAlpha: v.number(),
  }),
  v.object({ kind: v.literal("constant"), alpha: v.number() }),
]);
const heldOutSchema = v.object({
  pairs: v.number(),
  accuracy: v.number(),
  low: v.number(),
  high: v.number(),
  untrained: v.number(),
  shorterWins: v.number(),
});
const figuresSchema = v.object({
  step: v.number(),
  stepCount: v.number(),
  trainLoss: v.nullable(v.number()),
  heldOut: v.nullable(heldOutSchema),
  device: v.string(),
});
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits"));
const fromJson = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }): unknown => {
    try {
      return JSON.parse(dataset.value);
    } catch {
      addIssue({ message: "JSON" });
      return NEVER;
    }
  }),
);
const extentText = v.pipe(v.string(), v.regex(/^[1-9]\d{0,9}$/, "a positive integer"), v.transform(Number));
const metadataSchema = v.object({
  head: v.pipe(fromJson, headSchema),
  gate: v.pipe(fromJson, gateSchema),
  hiddenSize: extentText,
  vocabSize: extentText,
  backboneSha256: hash,
  // Files of version 1 that do not say were trained on float weights.
  backboneDtype: v.optional(v.string(), "f32"),
  tokenizerSha256: hash,
  settings: v.pipe(fromJson, v.record(v.string(), v.unknown())),
  figures: v.pipe(fromJson, figuresSchema),
});

/**
 * Reads what a heads file says of itself, without its weights.
 *
 * @param path the folder or the file
 * @throws HeadsFileError, SafetensorsError or FileError where it is not a heads file of this version
 */
export async function describeHeads(path: string): Promise<HeadsDescription> {
  const checkpoint = await openHeads(path);
  try {
    return parseDescription(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

/**
 * Loads heads to a device, for one model.
 *
 * @param path the folder or the file
 * @throws HeadsFileError where backbone, tokenizer, shapes or version are others, with both in the message
 * @throws CheckpointError, SafetensorsError or FileError where the file is damaged or cannot be read
 */
export async function loadHeads(
  path: string,
  device: Device,
  target: HeadsTarget,
  options: LoadHeadsOptions = {},
): Promise<LoadedHeads> {
  const checkpoint = await openHeads(path);
  try {
    const description = parseDescription(checkpoint);
    checkTarget(checkpoint.path, description, target);
    const [head, gate] = [createHead(description.head), createGate(description.gate)];
    const headShapes = head.parameterShapes(target.hiddenSize, target.vocabSize);
    checkNames(checkpoint, { head: headShapes, gate: gate.parameterShapes });
    const { dtype = "f32" } = options;
    const held = await loadTensors(checkpoint, device, "head", headShapes, (shape) =>
      dtype !== "f32" && isLargeMatrix(shape, target.hiddenSize) ? dtype : device.floatDtype,
    );
    const gateParams = await loadTensors(checkpoint, device, "gate", gate.parameterShapes);
    return {
      head,
      headParams: withAbsent(held, description.head),
      gate,
      gateParams,
      description,
      [Symbol.dispose]() {
        for (const tensor of [...Object.values(held), ...Object.values(gateParams)]) tensor.dispose();
      },
    };
  } finally {
    await checkpoint.close();
  }
}

/** The mode that heads were trained to be mixed in; convex, the paper's, where their settings name none. */
export function trainedMixing({ settings }: Pick<HeadsDescription, "settings">): MixingMode {
  return mixingModes.find((mode) => mode === settings.mixing) ?? "convex";
}

/** Parameters with null for the bias a head was configured without. */
export function withAbsent(params: HeadParams, { bias }: HeadConfig): HeadParams {
  return bias ? params : { ...params, bias: null };
}

async function openHeads(path: string): Promise<Checkpoint> {
  return openCheckpoint((await findPathKind(path)) === "directory" ? `${path}/${headsFileName}` : path);
}

function parseDescription({ path, metadata }: Checkpoint): HeadsDescription {
  const refuse = (field: string, actual: string | undefined, expected: string, remedy: string): never => {
    throw new HeadsFileError(path, { field, expected, actual: actual ?? "missing", remedy });
  };
  if (metadata.format !== format) {
    refuse("the format", metadata.format, `"${format}"`, "name a folder that training wrote");
  }
  if (metadata.version !== version) {
    refuse("the version", metadata.version, version, "train again or use the release that wrote it");
  }
  const parsed = v.safeParse(metadataSchema, metadata);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const field = issue.path?.map(({ key }) => String(key)).join(".") ?? "unknown";
  return refuse(`metadata ${field}`, issue.received, issue.expected ?? issue.message, "fetch or train the heads again");
}

function checkTarget(path: string, description: HeadsDescription, target: HeadsTarget): void {
  const check = (field: string, actual: string | number, expected: string | number | undefined, remedy: string) => {
    if (expected === undefined || actual === expected) return;
    throw new HeadsFileError(path, { field, expected: String(expected), actual: String(actual), remedy });
  };
  const remedy = "use the model these heads were trained on, or train heads for this one";
  check("the hidden size", description.hiddenSize, target.hiddenSize, remedy);
  check("the vocabulary size", description.vocabSize, target.vocabSize, remedy);
  check("the SHA-256 of the backbone", description.backboneSha256, target.backboneSha256, remedy);
  check(
    "the SHA-256 of the tokenizer",
    description.tokenizerSha256,
    target.tokenizerSha256,
    "use the tokenizer these heads were trained with",
  );
  const { gate } = description;
  if (gate.kind === "attention") check("the hidden size of the gate", gate.hiddenSize, target.hiddenSize, remedy);
}

function checkNames(checkpoint: Checkpoint, shapes: Readonly<Record<string, Readonly<Record<string, unknown>>>>): void {
  const known = new Set(
    Object.entries(shapes).flatMap(([prefix, own]) => Object.keys(own).map((name) => `${prefix}.${name}`)),
  );
  const stranger = checkpoint.names.find((name) => !known.has(name));
  if (stranger === undefined) return;
  throw new HeadsFileError(checkpoint.path, {
    field: "a tensor",
    expected: `one of ${[...known].sort().join(", ")}`,
    actual: JSON.stringify(stranger),
    remedy: "fetch or train the heads again",
  });
}
