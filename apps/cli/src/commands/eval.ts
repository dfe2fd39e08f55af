// dual-head eval: the paper's tables, each method measured in the same way, as a run directory with a report. Knows no suite.
import { readFile } from "node:fs/promises";
import { Argument, Command } from "commander";
import { kernelsBegunWith } from "../eval/claim.ts";
import { readEvalConfig } from "../eval/config.ts";
import { dryRun } from "../eval/dry-run.ts";
import { runEvaluation, runFiles, runTuning } from "../eval/run.ts";
import { shippedConfig, shippedConfigs } from "../eval/shipped-configs.ts";
import { seedsSuite } from "../eval/suites/seeds.ts";
import { namedSuites, suites } from "../eval/suites/table.ts";
import { tunePreview } from "../eval/tune.ts";
import { createProgress, formatDuration, type Io, UsageError } from "../io.ts";
import { openDeviceFor } from "../model.ts";
import { numberOption } from "../options.ts";
import { addDeviceOptions, type DeviceOptions } from "./shared.ts";

interface EvalOptions extends DeviceOptions {
  readonly config: string;
  readonly out: string;
  readonly prompts?: number;
  readonly pairs?: number;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const allMini = "all-mini";
const tune = "tune";

/** The `eval` command. */
export function evalCommand(io: Io): Command {
  const integer = numberOption({ min: 4, integer: true });
  const command = new Command("eval")
    .description("compare alignment methods: a suite for each table of the paper, with intervals, beside its numbers")
    .addArgument(
      new Argument(
        "<suite>",
        `a table, all of the paper's (${allMini}), ${seedsSuite.name} (several trainings of each method, apart because it takes long), or the search that chooses every method's settings (${tune})`,
      ).choices([...namedSuites.map(({ name }) => name), allMini, tune]),
    )
    .option("--config <file>", `a file, or one that is shipped: ${shippedConfigs.join(", ")}`, "mini-world")
    .requiredOption("--out <dir>", "directory of the run; one that was stopped goes on, a finished one is kept")
    .option("--prompts <n>", "prompts instead of the configuration's", integer)
    .option("--pairs <n>", "preference pairs instead of the configuration's", integer)
    .option("--dry-run", "check files, models, memory, disk and keys, and print what would run")
    .option("--json", "print the figures as one JSON object");
  return addDeviceOptions(command).action((name: string, options: EvalOptions) => evaluate(name, options, io));
}

async function evaluate(name: string, options: EvalOptions, io: Io): Promise<void> {
  const { out } = options;
  const given = await readEvalConfig(
    shippedConfigs.includes(options.config) ? shippedConfig(options.config) : options.config,
  );
  const { prompts = given.prompts, pairs = given.pairs } = options;
  const config = { ...given, prompts, pairs };
  const chosen = name === allMini || name === tune ? suites : namedSuites.filter((suite) => suite.name === name);
  // The fastest kernels of a busy machine need not be those that a run was begun with.
  const begunWith = await kernelsBegunWith(out);
  using device = await openDeviceFor({ ...options, ...(begunWith === null ? {} : { kernels: begunWith }) }, io);
  if (options.dryRun === true) {
    const { lines, problems } = await dryRun(config, name === tune ? [tunePreview] : chosen, out, device, io);
    io.out(`${lines.join("\n")}\n`);
    if (problems.length === 0) return io.note("nothing stands in the way\n");
    throw new UsageError(`Cannot run ${name}: ${problems.join("; ")}`);
  }
  const overrides = [...(["prompts", "pairs"] as const)].flatMap((key) =>
    options[key] === undefined ? [] : [`--${key}`, String(options[key])],
  );
  const command = ["dual-head", "eval", name, "--config", options.config, ...overrides, "--out", "DIR"].join(" ");
  const progress = createProgress(io);
  const started = performance.now();
  const common = {
    ...{ config, device, out, command, io },
    onProgress: (line: string) => progress.show(`   ${line}`),
    onNote(line: string) {
      progress.end();
      io.note(`${line}\n`);
    },
  };
  try {
    if (name === tune) await runTuning(common);
    else await runEvaluation({ ...common, suites: chosen });
  } finally {
    progress.end();
  }
  const seconds = (performance.now() - started) / 1000;
  io.note(
    `${formatDuration(seconds)} in all; ${name === tune ? `the configuration is ${out}/${runFiles.tuned}` : `the report is ${out}/${runFiles.html}`}\n`,
  );
  if (options.json === true)
    io.out(await readFile(`${out}/${name === tune ? runFiles.trials : runFiles.figures}`, "utf8"));
  else if (name !== tune) io.out(await readFile(`${out}/${runFiles.markdown}`, "utf8"));
}
