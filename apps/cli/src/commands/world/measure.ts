// dual-head world measure: true rewards and fluency of base, each head alone and their mixtures, on held-out prompts.
import {
  drawAnswerText,
  drawPrompt,
  type Prompt,
  type Split,
  shippedBackbone,
  shippedHeads,
  streamOf,
} from "@dual-head/mini-world";
import type { Controls } from "@dual-head/sampler";
import { Command, Option } from "commander";
import { createProgress, type Io, toJson, UsageError } from "../../io.ts";
import { openModel } from "../../model.ts";
import { type HeadsOption, headsOption, headWeights, numberOption } from "../../options.ts";
import { answerArms } from "../../world/answers.ts";
import { describeMean, describeShare, type Measure, measureAnswers } from "../../world/measure.ts";
import { addDeviceOptions, type DeviceOptions } from "../shared.ts";

interface MeasureOptions extends DeviceOptions {
  readonly model?: string;
  readonly heads?: readonly HeadsOption[];
  readonly strength: number;
  readonly split: Split;
  readonly count: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** The `world measure` command. */
export function worldMeasureCommand(io: Io): Command {
  const command = new Command("measure")
    .description("score answers with the oracle: the corpus, base, each head alone and all together")
    .option("--model <dir>", "a model of the world (default: the shipped m with its heads)")
    .option(
      "--heads <dir[=weight]>",
      "heads of that model, and their weight in the mixture; repeat for several",
      headsOption,
    )
    .option("--strength <s>", "strength of the alignment", numberOption({ min: 0 }), 1)
    .addOption(new Option("--split <name>", "prompts to answer").choices(["train", "test", "all"]).default("test"))
    .option("--count <n>", "prompts", numberOption({ min: 2, integer: true }), 300)
    .option("--seed <n>", "seed of prompts and answers", numberOption({ min: 0, integer: true }), 1)
    .option("--json", "print one JSON object");
  return addDeviceOptions(command).action((options: MeasureOptions) => measure(options, io));
}

async function measure(options: MeasureOptions, io: Io): Promise<void> {
  if (options.model === undefined && options.heads !== undefined) {
    throw new UsageError("Cannot measure: --heads need the --model they were trained on; give it, or neither");
  }
  const model = options.model ?? (await shippedBackbone("m"));
  const heads =
    options.model !== undefined
      ? (options.heads ?? [])
      : await Promise.all(
          (["helpful", "harmless"] as const).map(async (reward) => ({
            directory: await shippedHeads("m", reward),
            weight: null,
          })),
        );
  using opened = await openModel({ ...options, model, heads }, io);
  if (opened.tokenizer === null) throw new UsageError(`Cannot measure ${model}: it has no tokenizer.json`);
  const prompts = drawPrompts(options);
  const arms = armsOf(heads, options.strength);
  const progress = createProgress(io);
  const answers = await answerArms(
    opened,
    prompts.map(({ text }) => text),
    arms.map(({ controls }) => controls),
    options.seed,
    io,
    { onProgress: (done, total) => progress.show(`${done} of ${total} answers`) },
  );
  progress.end();
  const questions = prompts.map(({ question }) => question);
  const corpus = prompts.map(({ question }, index) =>
    drawAnswerText(question, streamOf(options.seed, "corpus answer", index)),
  );
  const rows: readonly (readonly [string, Measure])[] = [
    ["corpus", measureAnswers(questions, corpus).measure],
    ...arms.map(({ name }, arm) => {
      const own = answers[arm]!.map(({ text }) => text);
      return [name, measureAnswers(questions, own).measure] as const;
    }),
  ];
  if (options.json === true) {
    io.out(`${toJson(Object.fromEntries(rows))}\n`);
    return;
  }
  const width = Math.max(...rows.map(([name]) => name.length));
  io.out(`${" ".repeat(width)}  helpful               harmless              fluent\n`);
  for (const [name, { helpful, harmless, fluent }] of rows) {
    io.out(`${name.padEnd(width)}  ${describeMean(helpful)}  ${describeMean(harmless)}  ${describeShare(fluent)}\n`);
  }
}

function drawPrompts({ split, count, seed }: MeasureOptions): readonly Prompt[] {
  return Array.from({ length: count }, (_, index) => drawPrompt(split, streamOf(seed, `prompt ${split}`, index)));
}

/** Base, each head alone, and where there are several all of them, at the weights given or at equal ones. */
function armsOf(
  heads: readonly HeadsOption[],
  strength: number,
): readonly { readonly name: string; readonly controls: Controls }[] {
  if (heads.length === 0) return [{ name: "base", controls: {} }];
  const arm = (name: string, weights: readonly number[]) => ({ name, controls: { strength, weights } });
  const mixture = headWeights(heads);
  const names = namesOf(heads.map(({ directory }) => directory));
  const alone = names.map((name, at) =>
    arm(
      name,
      heads.map((_, index) => Number(index === at)),
    ),
  );
  return [
    { name: "base", controls: { strength: 0, weights: mixture } },
    ...alone,
    ...(heads.length > 1 ? [arm("all heads", mixture)] : []),
  ];
}

const ownNames: readonly string[] = ["corpus", "base", "all heads"];

/** The last part of each path; the whole path where that is another's too, or a row's of its own. */
function namesOf(directories: readonly string[]): readonly string[] {
  const last = directories.map((path) => path.split(/[/\\]/).findLast((part) => part !== "") ?? path);
  const isOwn = (name: string) => !ownNames.includes(name) && last.filter((each) => each === name).length === 1;
  const names = last.map((name, at) => (isOwn(name) ? name : directories[at]!));
  const twice = names.find((name, at) => ownNames.includes(name) || names.indexOf(name) !== at);
  if (twice !== undefined) {
    throw new UsageError(
      `Cannot measure: the heads ${twice} would share a row with others; name each folder once, by its path`,
    );
  }
  return names;
}
