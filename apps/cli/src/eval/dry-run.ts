// What an evaluation would do and whether it could: files, models, memory, disk, keys and calls, without computing anything.
import { statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { classifierLabelsFrom } from "@dual-head/backbone";
import { findPathKind, readJson } from "@dual-head/bytes";
import { readRecordedJudge } from "@dual-head/eval";
import type { Device } from "@dual-head/tensor-core";
import { formatBytes, type Io } from "../io.ts";
import { locateHere } from "../locate.ts";
import { openTokenizer } from "../open-tokenizer.ts";
import { examineModel, type Preflight } from "../preflight.ts";
import type { Arm, PartSpec } from "./arm.ts";
import { headsCount, openBytes, trainedCount, weightBytesOf } from "./arm-memory.ts";
import { sourceOf } from "./backbone-source.ts";
import { type EvalConfig, scorerModelsOf } from "./config.ts";
import { judgeBounds } from "./judge-bounds.ts";
import { distinctParts } from "./methods/methods.ts";
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
      const path = await sourceOf(source);
      const found = await examineModel(path, [], device, io);
      models.set(role, found);
      const here = await locateHere(path, "model", io);
      if (here === null) lines.push(`${role}: ${source} is not downloaded yet; its tokenizer is not examined`);
      else if ((await openTokenizer(here)) === null)
        problems.push(`${role}: ${source} has no tokenizer; give a folder with tokenizer.json`);
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
    for (const suite of suites) {
      const { bytes, opened } = openBytes(suite, config, setting, models);
      lines.push(`${suite.name}: ${formatBytes(bytes)} beside them for parts and caches of ${opened}`);
      // What is too much by itself is said above.
      if (held <= roomBytes && held + bytes > roomBytes) {
        problems.push(
          `${suite.name} needs ${formatBytes(held + bytes)} with ${opened} open and ${formatBytes(roomBytes)} are free; lower concurrency, use a smaller dtype, or leave it out`,
        );
      }
    }
  }
  problems.push(...new Set(arms.flatMap(({ arm }) => strangersOf(arm, models))));
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
      const classifier = await examineClassifier(source, io);
      lines.push(...classifier.lines);
      problems.push(...classifier.problems);
      const found = await examineModel(source, [], device, io);
      const own = weightBytesOf(found, "f32");
      bytes += own;
      const { parameters } = found.model;
      lines.push(`scores: ${source}, ${(parameters / 1e6).toFixed(1)}M parameters, ${formatBytes(own)} in f32`);
      if (own > found.memory.freeBytes) {
        problems.push(`${source} needs ${formatBytes(own)} and ${formatBytes(found.memory.freeBytes)} are free`);
      }
    } catch (error) {
      problems.push(`${source}: ${(error as Error).message}`);
    }
  }
  return { lines, problems, bytes };
}

/** What config.json says of a reward model, where its files are on this machine. */
async function examineClassifier(source: string, io: Io) {
  const path = await locateHere(source, "model", io);
  if (path === null) {
    const why = "is not downloaded yet, so that its config.json and tokenizer are not examined";
    return { lines: [`scores: ${source} ${why}; fetch it with dual-head pull first to know`], problems: [] };
  }
  const file = `${path}/config.json`;
  if ((await findPathKind(file)) === "missing") {
    return { lines: [], problems: [`${source} is no sequence classifier: it has no config.json; name its folder`] };
  }
  const json = (await readJson(file)) as { readonly architectures?: unknown };
  const { architectures = null } = json;
  const isClassifier = JSON.stringify(architectures).includes("ForSequenceClassification");
  const { labels } = classifierLabelsFrom(json, file);
  return {
    lines:
      labels.length > 1
        ? [`scores: ${source} has ${labels.length} labels; ${labels[0]}, the first, is the reward`]
        : [],
    problems: [
      ...(isClassifier
        ? []
        : [
            `${source} is no sequence classifier: architectures in config.json is ${JSON.stringify(architectures)} and must name one ForSequenceClassification; name a reward model`,
          ]),
      ...((await openTokenizer(path)) === null ? [`${source} has no tokenizer; add tokenizer.json`] : []),
    ],
  };
}

/** A helper of another vocabulary, with which no arm can be opened. */
function strangersOf({ name, backbone, helper }: Arm, models: ReadonlyMap<string, Preflight>): readonly string[] {
  const [own, other] = [models.get(backbone)?.model, models.get(helper ?? backbone)?.model];
  if (own === undefined || other === undefined || own.vocabSize === other.vocabSize) return [];
  return [
    `${name}: ${helper} has ${other.vocabSize} tokens but ${backbone} has ${own.vocabSize}; use models of one tokenizer`,
  ];
}

/** Heads and gate keep floats and hidden states in 16 bits; a whole model its weights, gradients and two moments. */
function partBytes(spec: PartSpec, found: Preflight | undefined, { pairs }: EvalConfig) {
  if (found === undefined) return { disk: 0, memory: 0 };
  const { hiddenSize } = found.model;
  const own = found.needs[0]?.weightBytes ?? 0;
  if (spec.kind === "heads") {
    const head = 4 * headsCount(spec, found);
    return { disk: 4 * head + 2 * pairs * meanTokens * hiddenSize, memory: own + 4 * head };
  }
  const trained = trainedCount(spec, found);
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
