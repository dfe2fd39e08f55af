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
  completeTuneSettings,
  defaultSettings,
  type TrainingSettings,
  type TuneSettings,
} from "@dual-head/train";
import { Command, Option } from "commander";
import type { Io } from "../io.ts";
import { collectOption, numberOption } from "../options.ts";
import { type HeadsOptions, trainHeads } from "../training/heads.ts";
import { checkOwners, type TrainingMethod, trainingMethods } from "../training/methods.ts";
import { openForTraining } from "../training/open.ts";
import { type PeerOptions, trainPeer } from "../training/peer.ts";
import { listCounts } from "../training/report.ts";
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

/** Those of the peers. */
const tuneNames = [
  "epochs",
  "batchSize",
  "learningRate",
  "epsilon",
  "seed",
] as const satisfies readonly (keyof TuneSettings)[];

interface TrainCommandOptions
  extends DeviceOptions,
    HeadsOptions,
    Omit<PeerOptions, keyof HeadsOptions | "heldOut" | "maxTokens">,
    Partial<Pick<TrainingSettings, Exclude<(typeof settingNames)[number], "maxTokens">>> {
  readonly method: TrainingMethod;
  readonly maxTokens?: number;
  readonly tokenizer?: string;
  readonly dtype: WeightDtype;
  readonly data: readonly string[];
  readonly format?: PreferenceFormat;
  readonly label?: PreferenceLabel;
  readonly template?: PromptTemplate;
  readonly sft?: string;
}

/** The `train` command; defaults of the numbers are those of `@dual-head/train`. */
export function trainCommand(io: Io): Command {
  const defaults = defaultSettings;
  const integer = numberOption({ min: 1, integer: true });
  const command = new Command("train")
    .description(
      "train a reward head and a gate on preference pairs, or a model of a peer method; --model never changes",
    )
    .addOption(
      new Option("--method <name>", "what is trained, and how")
        .choices(trainingMethods as TrainingMethod[])
        .default("dual-head"),
    )
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
    .requiredOption("--out <dir>", "folder for what is trained, card, metrics and the state to resume from")
    .option("--epochs <n>", `passes over the pairs (default: ${defaults.epochs}, of peers 1)`, integer)
    .option(
      "--batch-size <n>",
      `pairs per optimiser step (default: ${defaults.batchSize}, of peers their authors')`,
      integer,
    )
    .option(
      "--learning-rate <r>",
      "peak rate of AdamW (default: 0.2048 / hidden size, of peers by recipe)",
      numberOption({ above: 0 }),
    )
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
        `score the reward head alone (paper), the fusion, or the fusion over the base model, as DPO (default: ${defaults.preferenceOn})`,
      ).choices(["reward", "fused", "fused-over-base"]),
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
      new Option(
        "--head <kind>",
        "a matrix of its own, a low-rank change of the model's head, or that head on hidden states changed by a small network (residual) or by one more transformer block over all of them so far (block)",
      )
        .choices(["linear", "low-rank", "residual", "block"])
        .default("linear"),
    )
    .option("--rank <k>", "rank of a low-rank head", integer, 16)
    .option("--head-width <k>", "hidden units of a residual head, attention width of a block head", integer, 256)
    .option("--head-heads <h>", "attention heads of a block head", integer, 8)
    .option(
      "--head-feed-forward <f>",
      "feed-forward width of a block head (default: twice its attention width)",
      integer,
    )
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
    .option("--lora <rank>", "genarm, dpo, simpo: train low-rank changes (default: genarm of rank 8)", integer)
    .option("--whole", "genarm: train all parameters, as dpo and simpo do")
    .option("--score-only", "bradley-terry: train the score head alone")
    .option("--beta <b>", "of genarm (default: 0.05), dpo (0.1) or simpo (2)", numberOption({ above: 0 }))
    .option(
      "--label-smoothing <e>",
      "dpo: share of labels taken to be wrong (default: 0)",
      numberOption({ min: 0, max: 0.49 }),
    )
    .option("--gamma-ratio <g>", "simpo: the margin aimed at, over beta (default: 0.5)", numberOption({ min: 0 }))
    .option("--margin <m>", "bradley-terry: what scores must differ by (default: 0)", numberOption({ min: 0 }))
    .option(
      "--centre <c>",
      "bradley-terry: weight of the term that centres scores (default: 0.01)",
      numberOption({ min: 0 }),
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
  return addDeviceOptions(addTokenizerOption(addDtypeOption(command))).action(async (options: TrainCommandOptions) => {
    checkOwners(command, options.method);
    await runTraining(options, io);
  });
}

async function runTraining(options: TrainCommandOptions, io: Io): Promise<void> {
  const { method } = options;
  const given = <Name extends keyof TrainCommandOptions>(names: readonly Name[]) =>
    Object.fromEntries(names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])));
  const settings: Partial<TrainingSettings> = given(settingNames);
  const tuneSettings: Partial<TuneSettings> = given(tuneNames);
  if (method === "dual-head") completeSettings(settings);
  else completeTuneSettings(tuneSettings);
  const preferences = await readPreferences(options.data, {
    format: options.format,
    label: options.label,
    template: options.template,
  });
  const { pairs } = preferences;
  const supervised = options.sft === undefined ? undefined : (await readSft(options.sft)).examples;
  const dropped = Object.entries(preferences.dropped).filter(([, count]) => count > 0);
  const droppedText = dropped.length > 0 ? `; dropped ${listCounts(dropped)}` : "";
  io.note(`${pairs.length} pairs of ${preferences.rowCount} rows${droppedText}\n`);
  using model = await openForTraining(options, io);
  if (method === "dual-head") await trainHeads(options, settings, model, { pairs, supervised }, io);
  else await trainPeer(method, options, tuneSettings, model, pairs, io);
}
