// A run of suites as a directory: configuration, versions, models, every response and verdict, figures and a report. A run
// that was stopped goes on; one that is finished is never overwritten. Knows no suite by name.
import { readFile } from "node:fs/promises";
import { createDirectory, findPathKind, listDirectory, writeFileAtomic } from "@dual-head/bytes";
import { openCachedJudge } from "@dual-head/eval";
import type { Device } from "@dual-head/tensor-core";
import { formatDuration, type Io, toJson, UsageError } from "../io.ts";
import { keyOf } from "./arm.ts";
import type { EvalConfig } from "./config.ts";
import type { SuiteReport } from "./figures.ts";
import { openJudge, openRewardModel } from "./judge.ts";
import { htmlOf, markdownOf, type RunDescription } from "./report.ts";
import { createSetting } from "./settings/create-setting.ts";
import type { Suite, SuiteContext } from "./suites/context.ts";
import { describeTrial, runTrials, tunedConfig } from "./tune.ts";
import { Workbench } from "./workbench.ts";

/** What a run is told. */
export interface RunOptions {
  readonly config: EvalConfig;
  readonly device: Device;
  readonly out: string;
  /** As it was typed, for the report. */
  readonly command: string;
  readonly io: Io;
  readonly onNote: (line: string) => void;
  readonly onProgress: (line: string) => void;
}

/** Where a run's parts are. */
export const runFiles = {
  config: "config.json",
  run: "run.json",
  figures: "figures.json",
  html: "report.html",
  markdown: "report.md",
  trials: "trials.json",
  tuned: "tuned.json",
} as const;

/** Runs suites into a directory and returns what they found. */
export async function runEvaluation(
  options: RunOptions & { readonly suites: readonly Suite[] },
): Promise<readonly SuiteReport[]> {
  const { suites, config, device, out, command, onNote } = options;
  await claimRun(
    out,
    config,
    suites.map(({ name }) => name),
    runFiles.figures,
  );
  const started = performance.now();
  const reports = await withContext(options, async (context) => {
    const found: SuiteReport[] = [];
    for (const suite of suites) {
      onNote(`${suite.name}: ${suite.title}`);
      found.push(await suite.run(context));
      context.signal.throwIfAborted();
    }
    return found;
  });
  const run: RunDescription = { command, facts: factsOf(config, device, (performance.now() - started) / 1000) };
  await writeFileAtomic(`${out}/${runFiles.html}`, htmlOf(reports, run));
  await writeFileAtomic(`${out}/${runFiles.markdown}`, markdownOf(reports, run));
  // Last: a run with figures is finished.
  await writeFileAtomic(`${out}/${runFiles.figures}`, `${toJson({ run, reports })}\n`);
  return reports;
}

/** Searches every method's settings into a directory: the log of all trials, and the configuration of the best. */
export async function runTuning(options: RunOptions): Promise<void> {
  const { config, out, onNote } = options;
  await claimRun(out, config, ["tune"], runFiles.trials);
  const results = await withContext(options, (context) =>
    runTrials(context, Math.ceil(config.prompts / 2), (result) => onNote(describeTrial(result))),
  );
  await writeFileAtomic(`${out}/${runFiles.tuned}`, `${JSON.stringify(tunedConfig(config, results), null, 2)}\n`);
  await writeFileAtomic(`${out}/${runFiles.trials}`, `${JSON.stringify(results, null, 1)}\n`);
}

/** Opens what suites work with, and frees it after them. */
async function withContext<Out>(options: RunOptions, body: (context: SuiteContext) => Promise<Out>): Promise<Out> {
  const { config, device, out, io, onProgress } = options;
  const held: Disposable[] = [];
  using _held = {
    [Symbol.dispose]: () => {
      for (const each of held) each[Symbol.dispose]();
    },
  };
  const setting = createSetting(config.setting, async (model) => {
    const opened = await openRewardModel(model, device, io);
    held.push(opened);
    return opened.score;
  });
  using bench = new Workbench({ config, setting, device, folder: out, io, onProgress });
  using opened = await openJudge(config.judge, setting, device, io);
  using judge = await openCachedJudge(opened.judge, `${out}/verdicts`);
  return await body({ config, setting, bench, judge, signal: io.signal });
}

/** Takes a directory: a new one, or one in which the same run was begun. */
async function claimRun(out: string, config: EvalConfig, suites: readonly string[], last: string): Promise<void> {
  const own = { config: keyOf(config), suites };
  await createDirectory(out);
  if ((await findPathKind(`${out}/${last}`)) !== "missing") {
    throw new UsageError(
      `Cannot run in ${out}: it holds a finished run, which is never overwritten; give a new folder with --out`,
    );
  }
  const begun = await readBegun(`${out}/${runFiles.run}`);
  if (begun === null) {
    if ((await listDirectory(out)).length > 0) {
      throw new UsageError(`Cannot run in ${out}: it holds other files; give a new folder with --out`);
    }
    await writeFileAtomic(`${out}/${runFiles.config}`, `${JSON.stringify(config, null, 2)}\n`);
    await writeFileAtomic(`${out}/${runFiles.run}`, `${JSON.stringify({ ...own, versions: versions() }, null, 2)}\n`);
    return;
  }
  if (begun.config !== own.config || begun.suites.join() !== own.suites.join()) {
    throw new UsageError(
      `Cannot go on in ${out}: it holds a run of ${begun.suites.join(", ")} with ${begun.config === own.config ? "this" : "another"} configuration; give a new folder with --out`,
    );
  }
}

async function readBegun(
  path: string,
): Promise<{ readonly config: string; readonly suites: readonly string[] } | null> {
  if ((await findPathKind(path)) === "missing") return null;
  return JSON.parse(await readFile(path, "utf8"));
}

function versions(): Readonly<Record<string, string>> {
  return { node: process.version, platform: `${process.platform} ${process.arch}`, "dual-head": "0.1.0" };
}

function factsOf(config: EvalConfig, device: Device, seconds: number): Readonly<Record<string, string>> {
  return {
    setting: config.setting.kind,
    backbones: Object.entries(config.backbones)
      .map(([role, source]) => `${role} ${source}`)
      .join(", "),
    judge: config.judge.kind,
    "preference pairs": String(config.pairs),
    prompts: String(config.prompts),
    temperature: String(config.temperature),
    seed: String(config.seed),
    device: `${device.name}, ${device.info.description}`,
    node: process.version,
    duration: formatDuration(seconds),
  };
}
