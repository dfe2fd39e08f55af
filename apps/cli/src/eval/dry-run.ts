// What an evaluation would do and whether it could: files, models, memory, disk, keys and calls, without computing anything.
import { statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { findPathKind } from "@dual-head/bytes";
import type { Device } from "@dual-head/tensor-core";
import { formatBytes, type Io } from "../io.ts";
import { examineModel, type Preflight } from "../preflight.ts";
import { type Arm, keyOf, type PartSpec } from "./arm.ts";
import { sourceOf } from "./backbone-source.ts";
import type { EvalConfig } from "./config.ts";
import { partsOf } from "./methods/methods.ts";
import { isLowRank } from "./methods/train-part.ts";
import { createSetting } from "./settings/create-setting.ts";
import type { Suite } from "./suites/context.ts";
import { frontierSuite } from "./suites/frontier.ts";

/** What was found; a problem is what would stop the run. */
export interface DryRun {
  readonly lines: readonly string[];
  readonly problems: readonly string[];
}

/** Checks a configuration for suites against this machine. */
export async function dryRun(
  config: EvalConfig,
  suites: readonly Suite[],
  out: string,
  device: Device,
  io: Io,
): Promise<DryRun> {
  const lines: string[] = [];
  const problems: string[] = [];
  const setting = createSetting(config.setting, refuseScorer);
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
  const parts = distinctParts(arms.map(({ arm }) => arm));
  let disk = 0;
  for (const part of parts) {
    const bytes = partBytes(part, models.get(part.backbone), config);
    disk += bytes.disk;
    lines.push(
      `train ${part.kind} on ${part.backbone} for ${part.reward}, ${config.pairs} pairs: ${formatBytes(bytes.disk)} on disk, about ${formatBytes(bytes.memory)} of memory`,
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
  for (const path of filesOf(config)) {
    if ((await findPathKind(path)) === "missing")
      problems.push(`the file ${path} is missing; download it or change the configuration`);
    else lines.push(`data: ${path}`);
  }
  const comparisons = suites.length * config.prompts * 2;
  lines.push(`judge: ${config.judge.kind}, up to ${comparisons * 8} comparisons`);
  if (config.judge.kind === "endpoint") {
    const { keyVariable } = config.judge;
    if (keyVariable !== undefined && (io.environment[keyVariable] ?? "") === "") {
      problems.push(`the environment has no ${keyVariable}; set it to the key of ${config.judge.baseUrl}`);
    }
  }
  if (config.judge.kind === "oracle" && setting.scorers[setting.rewards[0]!] === undefined) {
    problems.push(`the oracle needs scores by ${setting.rewards[0]}, and nobody gives them; configure another judge`);
  }
  const [reward] = setting.rewards;
  if (suites.includes(frontierSuite) && setting.scorers[reward!] === undefined) {
    problems.push(`${frontierSuite.name} needs scores by ${reward}; add setting.scorers.${reward} or leave it out`);
  }
  return { lines, problems };
}

/** Nothing is scored in a dry run. */
function refuseScorer(model: string): Promise<never> {
  return Promise.reject(new Error(`Cannot score by ${model} in a dry run`));
}

function distinctParts(arms: readonly Arm[]): readonly PartSpec[] {
  return [...new Map(arms.flatMap(partsOf).map((part) => [keyOf(part), part])).values()];
}

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
