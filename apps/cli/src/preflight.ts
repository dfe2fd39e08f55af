// What a model would need, from the headers of its files alone, here or on the hub, against what this machine has.
// Loads no weight; knows no way to print.
import os from "node:os";
import { type ConfigOptions, type WeightDtype, weightDtypes } from "@dual-head/backbone";
import type { OpenModelOptions } from "@dual-head/backbone-llama";
import { type ByteSource, decodeText, findPathKind, parseJson } from "@dual-head/bytes";
import { type Checkpoint, openSafetensors, readPartBytes } from "@dual-head/checkpoint";
import { createHead } from "@dual-head/heads";
import {
  chooseFiles,
  describeName,
  findSnapshot,
  loadHubSettings,
  openRepository,
  parseRepositoryName,
  type RemoteRepository,
  type RepositoryName,
  shardsOfIndex,
} from "@dual-head/hub";
import { type Device, sizeOf } from "@dual-head/tensor-core";
import { defaultGate, defaultHead, describeHeads, type HeadsDescription, isLargeMatrix } from "@dual-head/train";
import { chooseContext, freeMemory, historyBytes, keyBytes, prefixCacheBytes } from "./context.ts";
import type { Io } from "./io.ts";
import { describeConfig, type ModelDescription, openDescribed } from "./load-model.ts";
import { locate } from "./locate.ts";

/** What the headers say of a model. */
export interface ModelFacts {
  /** The path, or the repository and its commit. */
  readonly source: string;
  readonly architecture: string;
  readonly parameters: number;
  /** Share of the parameters by stored dtype. */
  readonly storedDtypes: Readonly<Record<string, number>>;
  readonly maxTokens: number;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly groupCount: number;
  readonly window: number | null;
}

/** Bytes that one way of holding the model takes on the device. */
export interface Need {
  readonly dtype: WeightDtype;
  readonly weightBytes: number;
  readonly headBytes: number;
  /** Tokens of a sequence: as asked for, else as chat would choose. */
  readonly contextTokens: number;
  /** Keys, values and histories of gates of one such sequence. */
  readonly cacheBytes: number;
  /** What chat keeps beside them of prefixes: pages of one more sequence within a limit, and hidden states. */
  readonly prefixBytes: number;
  /** Weights, heads, caches and prefixes. */
  readonly totalBytes: number;
  readonly fits: boolean;
}

/** The whole answer; lengths in bytes. */
export interface Preflight {
  readonly model: ModelFacts;
  readonly device: { readonly name: string; readonly description: string; readonly why: string };
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number; readonly deviceBytes: number | null };
  /** Keys and values of one more token of a sequence, before a window is full. */
  readonly keyBytesPerToken: number;
  /** What the gates of the heads keep of it; one gate of the default width where no heads were named. */
  readonly historyBytesPerToken: number;
  readonly headCount: number;
  /** Memory of the process for one tensor while it is read: as it is stored, and as floats. */
  readonly readingBytes: number;
  readonly needs: readonly Need[];
}

/** How a model is examined. */
export interface PreflightOptions extends ConfigOptions {
  /** Tokens of a sequence; as chat would choose where it is left out. */
  readonly context?: number | undefined;
}

/**
 * Examines a model and heads.
 *
 * @param heads paths or repositories
 * @throws ConfigError, CheckpointError, HubError or FileError where the headers cannot be read
 */
export async function examineModel(
  model: string,
  heads: readonly string[],
  device: Device,
  io: Io,
  options: PreflightOptions = {},
): Promise<Preflight> {
  const { context } = options;
  const { description, facts, storedSizes } = await readFacts(model, io, options);
  const { config } = description;
  const descriptions: HeadsDescription[] = [];
  for (const path of heads) descriptions.push(await describeHeads(await locate(path, "heads", io)));
  const numberBytes = device.floatDtype === "f64" ? 8 : 4;
  const bytesOf = (tokenCount: number) =>
    keyBytes(description, tokenCount, numberBytes) + historyBytes(descriptions, tokenCount, numberBytes);
  const free = freeMemory();
  const { maximumBytes } = device.info.limits;
  const room = Math.min(free, maximumBytes ?? Number.POSITIVE_INFINITY);
  const readingBytes = bytesWhileReading(storedSizes, numberBytes);
  const dtypes = device.info.features.includes("packed weights") ? weightDtypes : (["f32"] as const);
  const needs = dtypes.map((dtype): Need => {
    const weights = description.weightBytes(device, dtype);
    const headBytes = descriptions.reduce((sum, each) => sum + headsBytes(each, weights, description, numberBytes), 0);
    const prefixesOf = (tokenCount: number) => prefixCacheBytes(description, tokenCount, numberBytes);
    const withPrefixes = (tokenCount: number) => bytesOf(tokenCount) + prefixesOf(tokenCount);
    const contextTokens = chooseContext(context, config.maxTokens, withPrefixes, room - weights - headBytes);
    const [cacheBytes, prefixBytes] = [bytesOf(contextTokens), prefixesOf(contextTokens)];
    const totalBytes = weights + headBytes + cacheBytes + prefixBytes;
    const fits = totalBytes + readingBytes <= free && totalBytes <= (maximumBytes ?? Number.POSITIVE_INFINITY);
    return { dtype, weightBytes: weights, headBytes, contextTokens, cacheBytes, prefixBytes, totalBytes, fits };
  });
  return {
    model: facts,
    device: { name: device.name, description: device.info.description, why: device.why },
    memory: { totalBytes: os.totalmem(), freeBytes: free, deviceBytes: maximumBytes ?? null },
    keyBytesPerToken: keyBytes(description, 1, numberBytes),
    historyBytesPerToken: historyBytes(
      descriptions.length === 0 ? [{ head: defaultHead, gate: defaultGate(config.hiddenSize) }] : descriptions,
      1,
      numberBytes,
    ),
    headCount: descriptions.length,
    readingBytes,
    needs,
  };
}

/** A head's large matrices are held as the model's are: as many bytes a number; the rest and the gate's are floats. */
function headsBytes(
  { head, gate }: HeadsDescription,
  weights: number,
  { config, parameterCount }: ModelDescription,
  numberBytes: number,
): number {
  const { vocabSize, hiddenSize } = config;
  const perNumber = weights / parameterCount;
  const own = Object.values(createHead(head).parameterShapes(hiddenSize, vocabSize)).reduce((sum, shape) => {
    const count = shape.reduce((product, extent) => product * extent, 1);
    return sum + count * (isLargeMatrix(shape, hiddenSize) ? perNumber : numberBytes);
  }, 0);
  const folded = gate.kind === "attention" ? (2 * gate.width + gate.headCount) * hiddenSize * numberBytes : numberBytes;
  return Math.round(own + folded);
}

interface Found {
  readonly description: ModelDescription;
  readonly facts: ModelFacts;
  readonly storedSizes: readonly StoredSize[];
}

/** A tensor as it is stored. */
interface StoredSize {
  readonly dtype: string;
  readonly bytes: number;
  /** Numbers it stands for. */
  readonly count: number;
}

/**
 * What is held while tensors are read one after the other: the most numbers as floats, and what they are made of, which is
 * read in parts, or at once where it is floats or doubles already. Doubles are made of f32.
 */
function bytesWhileReading(sizes: readonly StoredSize[], numberBytes: 4 | 8): number {
  const most = (lengths: readonly number[]) => lengths.reduce((a, b) => Math.max(a, b), 0);
  const isWhole = (dtype: string) => dtype === "F32" || dtype === "F64";
  const stored = sizes.map(({ dtype, bytes }) => (isWhole(dtype) ? bytes : Math.min(bytes, 2 * readPartBytes)));
  const widened = sizes.map(({ dtype, count }) => {
    if (dtype === "F64") return numberBytes === 8 ? 0 : 4 * count;
    return (dtype === "F32" ? 0 : 4 * count) + (numberBytes === 8 ? 8 * count : 0);
  });
  return most(stored) + most(widened);
}

async function readFacts(model: string, io: Io, { ignoreConfigKeys }: ConfigOptions): Promise<Found> {
  const options = { signal: io.signal, ignoreConfigKeys };
  const name = (await findPathKind(model)) === "missing" ? parseRepositoryName(model) : null;
  if (name === null) return readLocal(model, model, options);
  const settings = await loadHubSettings(io.environment);
  const cached = await findSnapshot(name, { settings, purpose: "model" });
  const label = (commit: string) => `${describeName(name)} (commit ${commit.slice(0, 8)})`;
  if (cached !== null) return readLocal(cached.path, label(cached.commit), options);
  const remote = await openRepository(name, { settings, signal: io.signal });
  return readRemote(name, remote, label(remote.commit), options);
}

async function readLocal(path: string | ByteSource, source: string, options: OpenModelOptions): Promise<Found> {
  const { description, checkpoint } = await openDescribed(path, options);
  await checkpoint.close();
  return foundIn(source, description, [checkpoint]);
}

/** Headers by ranges: a GGUF file says all, safetensors only beside their config. */
async function readRemote(
  name: RepositoryName,
  remote: RemoteRepository,
  source: string,
  options: OpenModelOptions,
): Promise<Found> {
  const choice = name.file === null ? chooseFiles([...remote.sizes.keys()], "model", source) : null;
  const [file] = choice === null ? [name.file!] : choice.paths;
  if (choice === null || choice.paths.every((path) => /\.gguf$/i.test(path))) {
    const folder = file!.slice(0, file!.lastIndexOf("/") + 1);
    const openBeside = async (other: string) => {
      const path = folder + decodeURIComponent(other);
      return remote.sizes.has(path) ? remote.open(path) : null;
    };
    return readLocal(await remote.open(file!), source, { ...options, openBeside });
  }
  const config = parseJson(await readWhole(remote, "config.json"), "config.json");
  const description = describeConfig(config, source, options);
  const weights = choice.paths.filter((path) => path.endsWith(".safetensors"));
  if (choice.index !== null) weights.push(...shardsOfIndex(await readWhole(remote, choice.index), choice.index));
  const checkpoints: Checkpoint[] = [];
  for (const path of weights) {
    const checkpoint = await openSafetensors(await remote.open(path));
    await checkpoint.close();
    checkpoints.push(checkpoint);
  }
  return foundIn(source, description, checkpoints);
}

async function readWhole(remote: RemoteRepository, path: string): Promise<string> {
  const source = await remote.open(path);
  try {
    return decodeText(await source.read(0, source.size), path);
  } finally {
    await source.close();
  }
}

function foundIn(source: string, description: ModelDescription, checkpoints: readonly Checkpoint[]): Found {
  const storedSizes = checkpoints.flatMap((checkpoint) =>
    checkpoint.names.map((name): StoredSize => {
      const { dtype, shape } = checkpoint.spec(name);
      return { dtype, bytes: checkpoint.byteLength(name), count: sizeOf(shape) };
    }),
  );
  return { description, facts: factsOf(source, description, storedSizes), storedSizes };
}

function factsOf(
  source: string,
  { config, ...description }: ModelDescription,
  sizes: readonly StoredSize[],
): ModelFacts {
  const counts: Record<string, number> = {};
  for (const { dtype, count } of sizes) counts[dtype] = (counts[dtype] ?? 0) + count;
  const total = Object.values(counts).reduce((a, b) => a + b, 0);
  return {
    source,
    architecture: description.architecture,
    parameters: description.parameterCount,
    storedDtypes: Object.fromEntries(Object.entries(counts).map(([dtype, count]) => [dtype, count / total])),
    maxTokens: config.maxTokens,
    vocabSize: config.vocabSize,
    hiddenSize: config.hiddenSize,
    layerCount: config.layerCount,
    headCount: description.headCount,
    groupCount: description.groupCount,
    window: description.window,
  };
}
