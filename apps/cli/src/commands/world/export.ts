// dual-head world export: the world as a file in the form of a public benchmark.
import { writeFileAtomic } from "@dual-head/bytes";
import {
  type RewardName,
  type Split,
  toHhRlhf,
  toMtBench,
  toPkuSafeRlhf,
  toPrompts,
  toTruthfulQa,
} from "@dual-head/mini-world";
import { Command, Option } from "commander";
import type { Io } from "../../io.ts";
import { numberOption } from "../../options.ts";

interface ExportCommandOptions {
  readonly format: keyof typeof formats;
  readonly reward: RewardName;
  readonly split: Split;
  readonly count: number;
  readonly seed: number;
  readonly out: string;
}

const formats = {
  "hh-rlhf": (options: ExportCommandOptions) => toHhRlhf(options, options.reward),
  "pku-saferlhf": toPkuSafeRlhf,
  "truthful-qa": toTruthfulQa,
  "mt-bench": toMtBench,
  prompts: toPrompts,
} as const satisfies Record<string, (options: ExportCommandOptions) => string>;

/** The `world export` command. */
export function worldExportCommand(io: Io): Command {
  return new Command("export")
    .description("write preferences, questions or prompts of the world to a file")
    .addOption(new Option("--format <name>", "form of the file").choices(Object.keys(formats)).default("hh-rlhf"))
    .addOption(
      new Option("--reward <name>", "what preferences of hh-rlhf are for")
        .choices(["helpful", "harmless", "overall"])
        .default("helpful"),
    )
    .addOption(new Option("--split <name>", "topics to draw from").choices(["train", "test", "all"]).default("train"))
    .option("--count <n>", "rows (truthful-qa: every fact)", numberOption({ min: 1, integer: true }), 1000)
    .option("--seed <n>", "seed of every row", numberOption({ min: 0, integer: true }), 1)
    .requiredOption("--out <file>", "the file to write")
    .action(async (options: ExportCommandOptions) => {
      const text = formats[options.format](options);
      await writeFileAtomic(options.out, text);
      io.note(`${text.trimEnd().split("\n").length} lines in ${options.out}\n`);
    });
}
