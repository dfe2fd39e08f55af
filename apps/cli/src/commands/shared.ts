// Options that several commands take, declared once.
import { type WeightDtype, weightDtypes } from "@dual-head/backbone-llama";
import { type MixingMode, mixingModes } from "@dual-head/gating";
import type { DeviceName } from "@dual-head/tensor-core";
import { type Command, Option } from "commander";
import { collectOption, type HeadsOption, headsOption, numberOption, tokensOption } from "../options.ts";

/** What --device and --threads give. */
export interface DeviceOptions {
  readonly device: "auto" | DeviceName;
  readonly threads?: number;
}

/** What the options of a model and of its alignment give. */
export interface AlignedModelOptions extends DeviceOptions {
  readonly model: string;
  readonly tokenizer?: string;
  readonly dtype: WeightDtype;
  readonly adapter?: string;
  readonly context?: number;
  readonly ignoreConfigKey?: readonly string[];
  readonly heads?: readonly HeadsOption[];
  readonly strength: number;
  readonly alpha?: number;
  readonly mixing?: MixingMode;
}

/** What the sampling options give. */
export interface SamplingOptions {
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly seed: number;
}

/** What --model takes, for its help. */
export const modelHelp = "a Hugging Face folder, a GGUF or llama2.c file, or owner/name[@revision][:file] on the hub";

/** The devices a command can be told to use. */
export const deviceChoices = ["auto", "webgpu", "cpu", "reference"] as const;

/** Adds --device and --threads. */
export function addDeviceOptions(command: Command): Command {
  return command
    .addOption(new Option("--device <name>", "where to compute").choices(deviceChoices).default("auto"))
    .option(
      "--threads <n>",
      "threads of the cpu device (default: the cores there are)",
      numberOption({ min: 1, integer: true }),
    );
}

/** Adds --tokenizer. */
export function addTokenizerOption(command: Command): Command {
  return command.option(
    "--tokenizer <path>",
    "a folder, tokenizer.json, sentencepiece .model, llama2.c tok*.bin or .gguf, in place of the model's own",
  );
}

/** Adds --dtype. */
export function addDtypeOption(command: Command): Command {
  return command.addOption(
    new Option("--dtype <name>", "how the model's matrices are held: f32, 16, 8 or 4 bits (packed ones not on webgpu)")
      .choices(weightDtypes as WeightDtype[])
      .default("f32"),
  );
}

/** Adds --ignore-config-key. */
export function addIgnoreOption(command: Command): Command {
  return command.option(
    "--ignore-config-key <key>",
    "read a config.json in spite of this key, which you know to change no logit; repeat for several",
    collectOption,
  );
}

/** Adds --context. */
export function addContextOption(command: Command, otherwise: string): Command {
  return command.option(
    "--context <tokens>",
    `the most tokens a sequence may hold, whose caches are allocated at once (default: ${otherwise})`,
    numberOption({ min: 1, integer: true }),
  );
}

/** Adds --model, --dtype, --heads, --strength, --alpha and --mixing, and the device options. */
export function addModelOptions(command: Command): Command {
  return addDeviceOptions(
    addTokenizerOption(addIgnoreOption(addDtypeOption(command).requiredOption("--model <model>", modelHelp)))
      .option("--adapter <adapter>", "low-rank changes in PEFT's form, a folder or owner/name; not with --heads")
      .option("--heads <heads[=weight]>", "trained heads, a folder or owner/name; repeat to mix by weight", headsOption)
      .option(
        "--strength <s>",
        "strength of the alignment: 0 is exactly the base model, 1 the gate as trained",
        numberOption({ min: 0 }),
        1,
      )
      .option("--alpha <a>", "set alpha to a number instead of asking the gate", numberOption({ min: 0, max: 1 }))
      .addOption(
        new Option("--mixing <mode>", "how heads are put together (default: as they were trained)").choices(
          mixingModes as MixingMode[],
        ),
      ),
  );
}

/** Adds --tokens and --json. */
export function addTokensAndJson(command: Command): Command {
  return command
    .option("--tokens <ids>", "input as token ids, 1,2,3, taken as they are", tokensOption)
    .option("--json", "print one JSON object");
}

/** Adds the sampling options. */
export function addSamplingOptions(command: Command): Command {
  return command
    .option("--max-new-tokens <n>", "at most so many new tokens", numberOption({ min: 1, integer: true }), 128)
    .option("--temperature <t>", "0 is greedy", numberOption({ min: 0 }), 1)
    .option("--top-k <k>", "keep the k likeliest tokens; 0 keeps all", numberOption({ min: 0, integer: true }))
    .option("--top-p <p>", "keep the smallest set of tokens with this mass", numberOption({ above: 0, max: 1 }))
    .option("--min-p <p>", "keep tokens of at least this share of the likeliest", numberOption({ min: 0, max: 1 }))
    .option("--repetition-penalty <r>", "above 1 discourages tokens seen before", numberOption({ above: 0 }))
    .option(
      "--seed <n>",
      "the same seed gives the same text",
      numberOption({ min: 0, max: Number.MAX_SAFE_INTEGER, integer: true }),
      0,
    );
}
