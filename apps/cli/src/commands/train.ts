// dual-head train: a reward head and a gate for a frozen model, from preference data.
import type { WeightDtype } from "@dual-head/backbone-llama";
import {
  type PreferenceFormat,
  type PreferenceLabel,
  type PromptTemplate,
  readPreferences,
  readSft,
} from "@dual-head/data";
import { type MixingMode, mixingModes } from "@dual-head/gating";
import {
  completeSettings,
  defaultGate,
  defaultSettings,
  type TrainEvent,
  type TrainingSettings,
  type TrainingSummary,
  train,
} from "@dual-head/train";
import { Command, Option } from "commander";
import { createProgress, formatBytes, formatDuration, type Io, toJson, UsageError } from "../io.ts";
import { openModel } from "../model.ts";
import { collectOption, numberOption } from "../options.ts";
import { addDeviceOptions, addDtypeOption, addTokenizerOption, type DeviceOptions, modelHelp } from "./shared.ts";

/** Options that are settings of the training under the same name. */
const settingNames = [
  "epochs",
  "batchSize",
  "learningRate",
  "epsilon",
  "lambdaReward",
  "lambdaGate",
  "betaReward",
  "entropySign",
  "preferenceOn",
  "reduction",
  "mixing",
  "features",
  "heldOut",
  "maxTokens",
  "seed",
] as const satisfies readonly (keyof TrainingSettings)[];

interface TrainCommandOptions extends DeviceOptions, Partial<Pick<TrainingSettings, (typeof settingNames)[number]>> {
  readonly model: string;
  readonly tokenizer?: string;
  readonly dtype: WeightDtype;
  readonly data: readonly string[];
  readonly format?: PreferenceFormat;
  readonly label?: PreferenceLabel;
  readonly template?: PromptTemplate;
  readonly sft?: string;
  readonly out: string;
  readonly gateWidth?: number;
  readonly gateHeads?: number;
  readonly head: "linear" | "low-rank";
  readonly rank: number;
  readonly headBias: boolean;
  readonly headInit: "base" | "zero" | "random";
  readonly alpha?: number;
  readonly checkpointEvery?: number;
  readonly resume?: boolean;
  readonly json?: boolean;
}

/** The `train` command; defaults of the numbers are those of `@dual-head/train`. */
export function trainCommand(io: Io): Command {
  const defaults = defaultSettings;
  const integer = numberOption({ min: 1, integer: true });
  const command = new Command("train")
    .description("train a reward head and a gate on preference pairs; the model itself never changes")
    .requiredOption("--model <model>", `the frozen model: ${modelHelp}`)
    .requiredOption(
      "--data <file>",
      "preference pairs, .jsonl, .json (.gz too) or .parquet; repeat for several",
      collectOption,
    )
    .addOption(
      new Option("--format <name>", "format of the data (default: found from the first row)").choices([
        "hh-rlhf",
        "pku-saferlhf",
        "trl",
      ]),
    )
    .addOption(
      new Option(
        "--label <which>",
        "label of pku-saferlhf that chooses, helpful or harmless (default: better)",
      ).choices(["better", "safer"]),
    )
    .addOption(
      new Option("--template <form>", "form of the prompts of pku-saferlhf (default: hh-rlhf)").choices([
        "hh-rlhf",
        "pku-saferlhf",
      ]),
    )
    .option("--sft <file>", "examples for the language-modelling loss (default: the chosen responses)")
    .requiredOption("--out <dir>", "folder for heads, card, metrics and the state to resume from")
    .option("--epochs <n>", `passes over the pairs (default: ${defaults.epochs})`, integer)
    .option("--batch-size <n>", `pairs per optimiser step (default: ${defaults.batchSize})`, integer)
    .option("--learning-rate <r>", "peak rate of AdamW (default: 0.2048 / hidden size)", numberOption({ above: 0 }))
    .option(
      "--epsilon <e>",
      `of AdamW: larger ones leave tokens alone that never come (default: ${defaults.epsilon})`,
      numberOption({ above: 0 }),
    )
    .option(
      "--lambda-reward <l>",
      `weight of the preference loss (default: ${defaults.lambdaReward})`,
      numberOption({ min: 0 }),
    )
    .option(
      "--lambda-gate <l>",
      `weight of the gate's entropy (default: ${defaults.lambdaGate})`,
      numberOption({ min: 0 }),
    )
    .option(
      "--beta-reward <b>",
      `sharpness of the preference loss (default: ${defaults.betaReward})`,
      numberOption({ above: 0 }),
    )
    .addOption(
      new Option(
        "--entropy-sign <sign>",
        `corrected balances the heads, printed is the paper's sign (default: ${defaults.entropySign})`,
      ).choices(["corrected", "printed"]),
    )
    .addOption(
      new Option(
        "--preference-on <what>",
        `score the reward head alone (paper) or the fusion (default: ${defaults.preferenceOn})`,
      ).choices(["reward", "fused"]),
    )
    .addOption(
      new Option("--reduction <how>", `of the language-modelling loss (default: ${defaults.reduction})`).choices([
        "token-mean",
        "printed",
      ]),
    )
    .addOption(
      new Option("--mixing <mode>", `fusion in the language-modelling loss (default: ${defaults.mixing})`).choices(
        mixingModes as MixingMode[],
      ),
    )
    .option(
      "--gate-width <r>",
      "inner width of the gate (default: in proportion to the hidden size, 320 at 4096)",
      integer,
    )
    .option("--gate-heads <h>", "attention heads of the gate (default: 8)", integer)
    .option("--alpha <a>", "a constant gate at this alpha instead of attention", numberOption({ min: 0, max: 1 }))
    .addOption(
      new Option("--head <kind>", "a matrix of its own, or a low-rank change of the model's head")
        .choices(["linear", "low-rank"])
        .default("linear"),
    )
    .option("--rank <k>", "rank of a low-rank head", integer, 16)
    .addOption(
      new Option("--head-init <how>", "where a linear head starts").choices(["base", "zero", "random"]).default("base"),
    )
    .option("--no-head-bias", "heads without a bias, which folds exactly into a model's own head (export --fold)")
    .addOption(
      new Option(
        "--features <how>",
        `store hidden states on disk once, or compute them each time (default: ${defaults.features})`,
      ).choices(["cache", "recompute"]),
    )
    .option(
      "--held-out <share>",
      `share of the pairs never trained on (default: ${defaults.heldOut})`,
      numberOption({ min: 0, max: 0.9 }),
    )
    .option("--max-tokens <n>", "longest sequence (default: what the model reads)", integer)
    .option("--checkpoint-every <n>", "optimiser steps between checkpoints (default: 100)", integer)
    .option("--seed <n>", `seed of everything (default: ${defaults.seed})`, numberOption({ min: 0, integer: true }))
    .option("--resume", "go on with the run in --out, if there is one")
    .option("--json", "print one JSON object a line; the last one is the summary");
  return addDeviceOptions(addTokenizerOption(addDtypeOption(command))).action(async (options: TrainCommandOptions) =>
    runTraining(options, io),
  );
}

async function runTraining(options: TrainCommandOptions, io: Io): Promise<void> {
  const given = settingNames.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]]));
  const settings: Partial<TrainingSettings> = Object.fromEntries(given);
  completeSettings(settings);
  const preferences = await readPreferences(options.data, {
    format: options.format,
    label: options.label,
    template: options.template,
  });
  const supervised = options.sft === undefined ? undefined : (await readSft(options.sft)).examples;
  const dropped = Object.entries(preferences.dropped).filter(([, count]) => count > 0);
  io.note(
    `${preferences.pairs.length} pairs of ${preferences.rowCount} rows${dropped.length > 0 ? `; dropped ${listCounts(dropped)}` : ""}\n`,
  );
  using model = await openModel(options, io);
  const { device, loaded, tokenizer } = model;
  if (tokenizer === null)
    throw new UsageError(`Cannot train on text: ${options.model} has no tokenizer; name one with --tokenizer`);
  const { hiddenSize } = loaded.config;
  const attention = defaultGate(hiddenSize);
  const progress = createProgress(io);
  let summary: TrainingSummary | null = null;
  try {
    for await (const event of train({
      device,
      backbone: loaded.backbone,
      params: loaded.params,
      backboneSha256: loaded.sha256,
      backboneDtype: loaded.dtype,
      tokenizer,
      pairs: preferences.pairs,
      supervised,
      folder: options.out,
      head:
        options.head === "linear"
          ? { kind: "linear", initialise: options.headInit, bias: options.headBias }
          : { kind: "low-rank", rank: options.rank, bias: options.headBias },
      gate:
        options.alpha === undefined
          ? {
              ...attention,
              width: options.gateWidth ?? widthFor(attention, options.gateHeads),
              headCount: options.gateHeads ?? attention.headCount,
            }
          : { kind: "constant", alpha: options.alpha },
      settings,
      resume: options.resume,
      checkpointInterval: options.checkpointEvery,
      signal: io.signal,
    })) {
      if (event.kind === "end") summary = event.summary;
      else if (options.json === true && event.kind === "step") io.out(`${toJson(event)}\n`);
      const line = progressLine(event);
      if (line !== null) progress.show(line);
      if (event.kind === "prepared") {
        progress.end();
        const counts = Object.entries(event.dropped) as [string, number][];
        io.note(
          `${event.pairCount} pairs to train on, ${event.heldOutCount} held out, ${event.cutCount} cut at a turn${counts.length > 0 ? `; dropped ${listCounts(counts)}` : ""}\n`,
        );
        const droppedCount = counts.reduce((sum, [, count]) => sum + count, 0);
        if (droppedCount > event.pairCount + event.heldOutCount) {
          io.note("warning: most pairs were dropped; use a model that reads longer texts, or shorter data\n");
        }
        if (event.startStep > 0) io.note(`going on from step ${event.startStep}\n`);
      }
    }
  } finally {
    progress.end();
  }
  if (summary === null) throw new Error("Cannot sum up the training: it ended without a summary");
  io.out(options.json === true ? `${toJson(summary)}\n` : describeSummary(summary, options.out));
}

/** A width the heads divide, as near as can be to the default. */
function widthFor(
  attention: { readonly width: number; readonly headCount: number },
  headCount = attention.headCount,
): number {
  return Math.max(1, Math.round(attention.width / headCount)) * headCount;
}

function listCounts(counts: readonly (readonly [string, number])[]): string {
  return counts.map(([reason, count]) => `${count} ${reason}`).join(", ");
}

/** The line of progress for an event, or null. */
export function progressLine(event: TrainEvent): string | null {
  if (event.kind === "features") {
    return `hidden states ${event.done}/${event.total}, ${formatDuration(event.etaSeconds)} left`;
  }
  if (event.kind !== "step") return null;
  const { step, totalSteps, loss, lm, preference, accuracy, alphaMean, etaSeconds } = event;
  return `step ${step}/${totalSteps}  loss ${loss.toFixed(4)}  lm ${lm.toFixed(3)}  preference ${preference.toFixed(3)}  accuracy ${accuracy.toFixed(2)}  alpha ${alphaMean.toFixed(2)}  ${formatDuration(etaSeconds)} left`;
}

/** The summary for people. */
function describeSummary(
  { steps, trainLoss, trainLossAtStart, heldOut, trainable, seconds, tokensPerSecond, peakBytes }: TrainingSummary,
  out: string,
): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const lines = [
    `${steps} steps in ${formatDuration(seconds)}, ${tokensPerSecond.toFixed(0)} response tokens/s, peak ${formatBytes(peakBytes)}`,
    `trained ${trainable.head + trainable.gate} parameters: head ${trainable.head}, gate ${trainable.gate}`,
    `loss ${trainLossAtStart.toFixed(4)} (first tenth of steps) → ${trainLoss.toFixed(4)} (last tenth)`,
    heldOut === null
      ? "nothing was held out"
      : `held-out accuracy ${percent(heldOut.accuracy)} [${percent(heldOut.low)}, ${percent(heldOut.high)}] on ${heldOut.pairs} pairs; untrained head ${percent(heldOut.untrained)}, shorter wins ${percent(heldOut.shorterWins)}`,
    `heads in ${out}`,
  ];
  return `${lines.join("\n")}\n`;
}
