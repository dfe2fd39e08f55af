// What an evaluation would do and whether it could: files, models, memory, disk, keys and calls, without computing anything.
import { statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { findPathKind, readJson } from "@dual-head/bytes";
import { readRecordedJudge } from "@dual-head/eval";
import type { Device } from "@dual-head/tensor-core";
import { formatBytes, type Io } from "../io.ts";
import { openTokenizer } from "../open-tokenizer.ts";
import { examineModel, type Preflight } from "../preflight.ts";
import type { PartSpec } from "./arm.ts";
import { sourceOf } from "./backbone-source.ts";
import { type EvalConfig, scorerModelsOf } from "./config.ts";
import { judgeBounds } from "./judge-bounds.ts";
import { distinctParts } from "./methods/methods.ts";
import { isLowRank } from "./methods/train-part.ts";
import { previewSetting } from "./settings/create-setting.ts";
import type { SuitePreview } from "./suites/context.ts";
import { lacksOf } from "./suites/needs.ts";

/** What was found; a problem is what would stop the run. */
export interface DryRun {
  readonly lines: readonly string[];
  readonly problems: readonly string[];
}

/** Checks a configuration for suites against this machine. */
export async function dryRun(
  config: EvalConfig,
  suites: readonly SuitePreview[],
  out: string,
  device: Device,
  io: Io,
): Promise<DryRun> {
  const lines: string[] = [];
  const problems: string[] = [];
  const setting = previewSetting(config.setting);
  const arms = suites.flatMap((suite) => suite.arms(config, setting).map((arm) => ({ suite, arm })));
  for (const { name } of suites) {
    const own = arms.filter(({ suite }) => suite.name === name).map(({ arm }) => arm.name);
    lines.push(`${name}: ${own.length} arms: ${own.join(", ")}`);
  }
  const roles = [...new Set(arms.flatMap(({ arm }) => [arm.backbone, arm.helper ?? arm.backbone]))];
  const models = new Map<string, Preflight>();
  for (const role of roles) {
    const source = config.backbones[role];
    if (source === undefined) {
      problems.push(`backbones has no ${role}; add it or leave its suites out`);
      continue;
    }
    try {
      const found = await examineModel(await sourceOf(source), [], device, io);
      models.set(role, found);
      const need = found.needs.find(({ dtype }) => dtype === config.dtype);
      lines.push(
        `${role}: ${source}, ${(found.model.parameters / 1e6).toFixed(1)}M parameters, ${need === undefined ? "?" : formatBytes(need.totalBytes)} in ${config.dtype}; ${formatBytes(found.memory.freeBytes)} free`,
      );
      if (need === undefined) problems.push(`${role} cannot be held in ${config.dtype} on ${device.name}; use f32`);
      else if (!need.fits)
        problems.push(
          `${role} needs ${formatBytes(need.totalBytes)} in ${config.dtype}; use a smaller dtype or machine`,
        );
    } catch (error) {
      problems.push(`${role}: ${(error as Error).message}`);
    }
  }
  const scoring = await examineScoring(config, device, io);
  lines.push(...scoring.lines);
  problems.push(...scoring.problems);
  // Backbones and reward models stay open until the run ends.
  const held = [...models.values()].reduce((sum, found) => sum + weightBytesOf(found, config.dtype), scoring.bytes);
  const roomBytes = [...models.values()][0]?.memory.freeBytes;
  if (roomBytes !== undefined) {
    lines.push(`memory: ${formatBytes(held)} for the weights of all, ${formatBytes(roomBytes)} free`);
    if (held > roomBytes) {
      problems.push(
        `backbones and reward models together need ${formatBytes(held)} and ${formatBytes(roomBytes)} are free; run suites of fewer backbones, or in a smaller dtype`,
      );
    }
  }
  const parts = distinctParts(arms.map(({ arm }) => arm));
  let disk = 0;
  for (const part of parts) {
    const bytes = partBytes(part, models.get(part.backbone), config);
    disk += bytes.disk;
    lines.push(
      `train ${part.kind} on ${part.backbone} for ${part.reward}, ${config.pairs} pairs${part.seed === undefined ? "" : ` of seed ${part.seed}`}: ${formatBytes(bytes.disk)} on disk, about ${formatBytes(bytes.memory)} of memory`,
    );
    const free = models.get(part.backbone)?.memory.freeBytes;
    if (free !== undefined && bytes.memory > free) {
      problems.push(
        `training ${part.kind} on ${part.backbone} needs about ${formatBytes(bytes.memory)} of memory and ${formatBytes(free)} are free; train a LoRA, or on a larger machine`,
      );
    }
  }
  const room = await freeDisk(out);
  lines.push(`disk: ${formatBytes(disk)} for models, ${room === null ? "unknown" : formatBytes(room)} free`);
  if (room !== null && disk > room)
    problems.push(`${formatBytes(disk)} are needed in ${out} and ${formatBytes(room)} are free`);
  const missing: string[] = [];
  for (const path of filesOf(config)) {
    if ((await findPathKind(path)) === "missing") missing.push(path);
    else lines.push(`data: ${path}`);
  }
  problems.push(...missing.map((path) => `the file ${path} is missing; download it or change the configuration`));
  const lacking = await lacksOf(suites, config, setting);
  const bounds = await judgeBounds(config, suites, setting);
  lines.push(...bounds.lines);
  const said = [
    ...lacking.flatMap(({ suite, lacks }) => lacks.map((lack) => `${suite.name}: ${lack}`)),
    ...bounds.problems,
  ];
  // Readers stumble over missing files, which are named already.
  problems.push(...new Set(said.filter((each) => !missing.some((path) => each.includes(path)))));
  if (config.judge.kind === "recorded" && !missing.includes(config.judge.folder)) {
    problems.push(...(await failureOf(readRecordedJudge(config.judge.folder))));
  }
  if (config.judge.kind === "endpoint") {
    const { keyVariable } = config.judge;
    if (keyVariable !== undefined && (io.environment[keyVariable] ?? "") === "") {
      problems.push(`the environment has no ${keyVariable}; set it to the key of ${config.judge.baseUrl}`);
    }
  }
  if (config.judge.kind === "oracle" && setting.scorers[setting.rewards[0]!] === undefined) {
    problems.push(`the oracle needs scores by ${setting.rewards[0]}, and nobody gives them; configure another judge`);
  }
  return { lines, problems };
}

/** The message of a promise that fails. */
function failureOf(promise: Promise<unknown>): Promise<readonly string[]> {
  return promise.then(
    () => [],
    (error: Error) => [error.message],
  );
}

/** Models that score answers or judge them: whether they are there, are classifiers with a tokenizer, and fit. */
async function examineScoring(config: EvalConfig, device: Device, io: Io) {
  const lines: string[] = [];
  const problems: string[] = [];
  let bytes = 0;
  const judge = config.judge.kind === "reward-model" ? [config.judge.model] : [];
  for (const source of new Set([...scorerModelsOf(config), ...judge])) {
    try {
      const found = await examineModel(source, [], device, io);
      const own = weightBytesOf(found, "f32");
      bytes += own;
      const { parameters } = found.model;
      lines.push(`scores: ${source}, ${(parameters / 1e6).toFixed(1)}M parameters, ${formatBytes(own)} in f32`);
      problems.push(...(await classifierProblems(source)));
      if (own > found.memory.freeBytes) {
        problems.push(`${source} needs ${formatBytes(own)} and ${formatBytes(found.memory.freeBytes)} are free`);
      }
    } catch (error) {
      problems.push(`${source}: ${(error as Error).message}`);
    }
  }
  return { lines, problems, bytes };
}

/** What a folder of a reward model lacks; of repositories it is known when they are there. */
async function classifierProblems(source: string): Promise<readonly string[]> {
  if ((await findPathKind(source)) !== "directory") return [];
  const { architectures } = (await readJson(`${source}/config.json`)) as { readonly architectures?: unknown };
  const isClassifier = JSON.stringify(architectures ?? "").includes("ForSequenceClassification");
  return [
    ...(isClassifier
      ? []
      : [`${source} is no sequence classifier: config.json names ${JSON.stringify(architectures)}`]),
    ...((await openTokenizer(source)) === null ? [`${source} has no tokenizer; add tokenizer.json`] : []),
  ];
}

const weightBytesOf = ({ needs }: Preflight, dtype: EvalConfig["dtype"]) =>
  needs.find((need) => need.dtype === dtype)?.weightBytes ?? 0;

/** Heads and gate keep floats and hidden states in 16 bits; a whole model its weights, gradients and two moments. */
function partBytes(spec: PartSpec, found: Preflight | undefined, { pairs }: EvalConfig) {
  if (found === undefined) return { disk: 0, memory: 0 };
  const { parameters, vocabSize, hiddenSize } = found.model;
  const own = found.needs[0]?.weightBytes ?? 0;
  if (spec.kind === "heads") {
    const head = 4 * (vocabSize * hiddenSize + 4 * hiddenSize * hiddenSize);
    return { disk: 4 * head + 2 * pairs * meanTokens * hiddenSize, memory: own + 4 * head };
  }
  const trained = isLowRank(spec) ? parameters / 100 : parameters;
  return { disk: 4 * 4 * trained, memory: own + 4 * 4 * trained };
}

/** Tokens of both answers of a pair with its prompt, as HH-RLHF has them. */
const meanTokens = 400;

async function freeDisk(out: string): Promise<number | null> {
  let folder = resolve(out);
  while ((await findPathKind(folder)) !== "directory" && folder !== dirname(folder)) folder = dirname(folder);
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}

function filesOf({ setting, judge }: EvalConfig): readonly string[] {
  const recorded = judge.kind === "recorded" ? [judge.folder] : [];
  if (setting.kind !== "files") return recorded;
  const { preferences, prompts, validationPrompts = [], truthfulQa, mtBench } = setting;
  return [
    ...Object.values(preferences).flat(),
    ...prompts,
    ...validationPrompts,
    ...[truthfulQa, mtBench?.questions, mtBench?.references, mtBench?.judgePrompts].flatMap((path) => path ?? []),
    ...recorded,
  ];
}
