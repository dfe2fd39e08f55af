// dual-head demo: the shipped world in a minute; figures on the screen, plots in a page. Knows no experiment.
import { createDirectory, listDirectory, writeFileAtomic } from "@dual-head/bytes";
import { Command } from "commander";
import { reportOf } from "../demo/report.ts";
import { type DemoOptions, runDemo } from "../demo/run.ts";
import { screenOf } from "../demo/screen.ts";
import { createProgress, formatDuration, type Io, toJson, UsageError } from "../io.ts";
import { numberOption } from "../options.ts";
import { progressLine } from "../training/heads.ts";
import { addDeviceOptions } from "./shared.ts";

const markName = "made-by-demo.txt";
const reportName = "report.html";

/** The `demo` command. */
export function demoCommand(io: Io): Command {
  const integer = (min: number) => numberOption({ min, integer: true });
  const command = new Command("demo")
    .description("the shipped model and heads in a minute: answers side by side, knobs turned, a head trained")
    .option("--out <dir>", "folder for the report and the trained head; an earlier demo's are replaced", "demo-out")
    .option("--pairs <n>", "preference pairs to train a head on", integer(20), 500)
    .option("--prompts <n>", "held-out questions to measure on", integer(4), 120)
    .option("--seed <n>", "seed of everything", integer(0), 1)
    .option("--json", "print the figures as one JSON object");
  return addDeviceOptions(command).action((options: DemoOptions & { readonly json?: boolean }) => demo(options, io));
}

async function demo(options: DemoOptions & { readonly json?: boolean }, io: Io): Promise<void> {
  await claimFolder(options.out);
  const progress = createProgress(io);
  let part = 0;
  try {
    const figures = await runDemo(
      options,
      {
        begin(text) {
          progress.end();
          io.note(`${++part}. ${text}\n`);
        },
        progress: (line) => progress.show(`   ${line}`),
        train(event) {
          const line = progressLine(event);
          if (line !== null) progress.show(`   ${line}`);
        },
      },
      io,
    );
    progress.end();
    const report = `${options.out}/${reportName}`;
    await writeFileAtomic(report, reportOf(figures));
    io.out(options.json === true ? `${toJson({ ...figures, report })}\n` : screenOf(figures, io));
    io.note(`${formatDuration(figures.seconds)} in all; plots and answers are in ${report}\n`);
  } finally {
    progress.end();
  }
}

/** Takes a folder for the demo: an empty one, or one that an earlier demo has marked. */
async function claimFolder(folder: string): Promise<void> {
  await createDirectory(folder);
  const names = await listDirectory(folder);
  if (names.length > 0 && !names.includes(markName)) {
    throw new UsageError(`Cannot run the demo in ${folder}: it holds files of others; give a new folder with --out`);
  }
  await writeFileAtomic(`${folder}/${markName}`, "Made by dual-head demo, which replaces what lies here.\n");
}
