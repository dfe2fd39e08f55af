// A run of suites as a directory: configuration, versions, models, every response and verdict, figures and a report. A run
// that was stopped goes on; one that is finished is never overwritten. Knows no suite by name.
import { writeFileAtomic } from "@dual-head/bytes";
import { openCachedJudge } from "@dual-head/eval";
import type { Device } from "@dual-head/tensor-core";
import { formatDuration, type Io, toJson } from "../io.ts";
import { inRun, type Ledger } from "./claim.ts";
import type { EvalConfig } from "./config.ts";
import type { SuiteReport } from "./figures.ts";
import { openJudge, openRewardModel } from "./judge.ts";
import { htmlOf, markdownOf, type RunDescription } from "./report.ts";
import { createSetting, previewSetting } from "./settings/create-setting.ts";
import type { Suite, SuiteContext } from "./suites/context.ts";
import { checkNeeds } from "./suites/needs.ts";
import { describeTrial, runTrials, tunedConfig, tunePreview } from "./tune.ts";
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
  await checkNeeds(suites, config, previewSetting(config.setting));
  const kernels = device.info.variant;
  const claim = { out, config, suites: suites.map(({ name }) => name), kernels, onNote, last: runFiles.figures };
  return inRun(claim, async (ledger) => {
    const reports = await withContext(options, ledger, async (context) => {
      const found: SuiteReport[] = [];
      for (const suite of suites) {
        onNote(`${suite.name}: ${suite.title}`);
        found.push(await suite.run(context));
        context.signal.throwIfAborted();
      }
      return found;
    });
    const run: RunDescription = { command, facts: factsOf(config, device, ledger) };
    await writeFileAtomic(`${out}/${runFiles.html}`, htmlOf(reports, run));
    await writeFileAtomic(`${out}/${runFiles.markdown}`, markdownOf(reports, run));
    // Last: a run with figures is finished.
    await writeFileAtomic(`${out}/${runFiles.figures}`, `${toJson({ run, reports })}\n`);
    return reports;
  });
}

/** Searches every method's settings into a directory: the log of all trials, and the configuration of the best. */
export async function runTuning(options: RunOptions): Promise<void> {
  const { config, device, out, onNote } = options;
  await checkNeeds([tunePreview], config, previewSetting(config.setting));
  const claim = { out, config, suites: ["tune"], kernels: device.info.variant, onNote, last: runFiles.trials };
  return inRun(claim, async (ledger) => {
    const results = await withContext(options, ledger, (context) =>
      runTrials(context, 2 * config.prompts, (result) => onNote(describeTrial(result))),
    );
    await writeFileAtomic(`${out}/${runFiles.tuned}`, `${JSON.stringify(tunedConfig(config, results), null, 2)}\n`);
    await writeFileAtomic(`${out}/${runFiles.trials}`, `${JSON.stringify(results, null, 1)}\n`);
  });
}

/** Opens what suites work with, and frees it after them. */
async function withContext<Out>(
  options: RunOptions,
  ledger: Ledger,
  body: (context: SuiteContext) => Promise<Out>,
): Promise<Out> {
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
  using opened = await openJudge(config.judge, setting, device, ledger.costBefore, io);
  ledger.costSoFar = opened.costSoFar;
  using judge = await openCachedJudge(opened.judge, `${out}/verdicts`);
  return await body({ config, setting, bench, judge, signal: io.signal });
}

function factsOf(
  config: EvalConfig,
  device: Device,
  { secondsSoFar, costSoFar }: Ledger,
): Readonly<Record<string, string>> {
  const cost = costSoFar();
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
    duration: formatDuration(secondsSoFar()),
    ...(cost === null ? {} : { "cost of the judge": cost.toFixed(2) }),
  };
}
