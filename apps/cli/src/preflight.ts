// What a model would need, from the headers of its files alone, here or on the hub, against what this machine has.
// Loads no weight; knows no way to print.
import os from "node:os";
import { type WeightDtype, weightDtypes } from "@dual-head/backbone";
import { type ByteSource, decodeText, findPathKind, parseJson } from "@dual-head/bytes";
import { type Checkpoint, openSafetensors } from "@dual-head/checkpoint";
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
import type { Device } from "@dual-head/tensor-core";
import { defaultGate, describeHeads, type HeadsDescription } from "@dual-head/train";
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
  /** Weights, heads, and the caches of 1000 tokens. */
  readonly totalBytes: number;
  readonly fits: boolean;
}

/** The whole answer; lengths in bytes. */
export interface Preflight {
  readonly model: ModelFacts;
  readonly device: { readonly name: string; readonly description: string; readonly why: string };
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number; readonly deviceBytes: number | null };
  /** Keys and values of 1000 tokens. */
  readonly cacheBytes: number;
  /** What the gates of the heads keep of 1000 tokens; of one gate of the default width where no heads were named. */
  readonly historyBytes: number;
  readonly headCount: number;
  /** Memory of the process for one tensor while it is read. */
  readonly readingBytes: number;
  readonly needs: readonly Need[];
}

const tokenCount = 1000;

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
): Promise<Preflight> {
  const { description, facts } = await readFacts(model, io);
  const { config, layerCount, groupCount, headSize, window } = { ...description.config, ...description };
  const descriptions: HeadsDescription[] = [];
  for (const path of heads) descriptions.push(await describeHeads(await locate(path, "heads", io)));
  const numberBytes = device.floatDtype === "f64" ? 8 : 4;
  const keptTokens = Math.min(tokenCount, window ?? tokenCount);
  const cacheBytes = 2 * layerCount * groupCount * headSize * keptTokens * numberBytes;
  const gates = descriptions.length === 0 ? [defaultGate(config.hiddenSize)] : descriptions.map(({ gate }) => gate);
  const perToken = gates.reduce((sum, gate) => sum + (gate.kind === "attention" ? gate.width + gate.headCount : 0), 0);
  const historyBytes = perToken * tokenCount * numberBytes;
  const free = process.availableMemory?.() ?? os.freemem();
  const { maximumBytes } = device.info.limits;
  const readingBytes = description.largestSize * 4;
  const dtypes = device.info.features.includes("packed weights") ? weightDtypes : (["f32"] as const);
  const needs = dtypes.map((dtype): Need => {
    const weights = description.weightBytes(device, dtype);
    const headBytes = descriptions.reduce((sum, each) => sum + headsBytes(each, weights, description, numberBytes), 0);
    const totalBytes = weights + headBytes + cacheBytes + (descriptions.length === 0 ? 0 : historyBytes);
    const fits = totalBytes + readingBytes <= free && totalBytes <= (maximumBytes ?? Number.POSITIVE_INFINITY);
    return { dtype, weightBytes: weights, headBytes, totalBytes, fits };
  });
  return {
    model: facts,
    device: { name: device.name, description: device.info.description, why: device.why },
    memory: { totalBytes: os.totalmem(), freeBytes: free, deviceBytes: maximumBytes ?? null },
    cacheBytes,
    historyBytes,
    headCount: descriptions.length,
    readingBytes,
    needs,
  };
}

/** A head's matrix is held as the model's are: as many bytes a number; the gate's are floats. */
function headsBytes(
  { head, gate }: HeadsDescription,
  weights: number,
  { config, parameterCount }: ModelDescription,
  numberBytes: number,
): number {
  const { vocabSize, hiddenSize } = config;
  const perNumber = weights / parameterCount;
  const bias = head.bias ? vocabSize * numberBytes : 0;
  const matrix =
    head.kind === "linear" ? vocabSize * hiddenSize * perNumber : head.rank * (vocabSize + hiddenSize) * numberBytes;
  const folded = gate.kind === "attention" ? (2 * gate.width + gate.headCount) * hiddenSize * numberBytes : numberBytes;
  return Math.round(matrix + bias + folded);
}

interface Found {
  readonly description: ModelDescription;
  readonly facts: ModelFacts;
}

async function readFacts(model: string, io: Io): Promise<Found> {
  const name = (await findPathKind(model)) === "missing" ? parseRepositoryName(model) : null;
  if (name === null) return readLocal(model, model, io);
  const settings = await loadHubSettings(io.environment);
  const cached = await findSnapshot(name, { settings, purpose: "model" });
  const label = (commit: string) => `${describeName(name)} (commit ${commit.slice(0, 8)})`;
  if (cached !== null) return readLocal(cached.path, label(cached.commit), io);
  const remote = await openRepository(name, { settings, signal: io.signal });
  return readRemote(name, remote, label(remote.commit), io);
}

async function readLocal(path: string | ByteSource, source: string, io: Io): Promise<Found> {
  const { description, checkpoint } = await openDescribed(path, io.signal);
  await checkpoint.close();
  return { description, facts: factsOf(source, description, [checkpoint]) };
}

/** Headers by ranges: a GGUF file says all, safetensors only beside their config. */
async function readRemote(name: RepositoryName, remote: RemoteRepository, source: string, io: Io): Promise<Found> {
  const choice = name.file === null ? chooseFiles([...remote.sizes.keys()], "model", source) : null;
  const [file] = choice === null ? [name.file!] : choice.paths;
  if (choice === null || choice.paths.every((path) => /\.gguf$/i.test(path))) {
    return readLocal(await remote.open(file!), source, io);
  }
  const description = describeConfig(parseJson(await readWhole(remote, "config.json"), "config.json"), source);
  const weights = choice.paths.filter((path) => path.endsWith(".safetensors"));
  if (choice.index !== null) weights.push(...shardsOfIndex(await readWhole(remote, choice.index), choice.index));
  const checkpoints: Checkpoint[] = [];
  for (const path of weights) {
    const checkpoint = await openSafetensors(await remote.open(path));
    await checkpoint.close();
    checkpoints.push(checkpoint);
  }
  return { description, facts: factsOf(source, description, checkpoints) };
}

async function readWhole(remote: RemoteRepository, path: string): Promise<string> {
  const source = await remote.open(path);
  try {
    return decodeText(await source.read(0, source.size), path);
  } finally {
    await source.close();
  }
}

function factsOf(
  source: string,
  { config, ...description }: ModelDescription,
  checkpoints: readonly Checkpoint[],
): ModelFacts {
  const counts: Record<string, number> = {};
  for (const checkpoint of checkpoints) {
    for (const name of checkpoint.names) {
      const { dtype, shape } = checkpoint.spec(name);
      counts[dtype] = (counts[dtype] ?? 0) + shape.reduce((a, b) => a * b, 1);
    }
  }
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
