// dual-head world make: everything that is shipped, from nothing: backbones, then heads by the ordinary train command.
// Run again it goes on where it was stopped. Knows no loss and no weight.
import {
  type BackboneName,
  type RewardName,
  recipes,
  sharpenHeads,
  shippedNames,
  worldSeed,
  writeUnsharpened,
} from "@dual-head/mini-world";
import { Command, Option } from "commander";
import { type Io, UsageError } from "../../io.ts";
import { numberOption } from "../../options.ts";
import { type Shipment, ship } from "../../world/ship.ts";

interface MakeOptions {
  readonly backbones: readonly BackboneName[];
  readonly heads: readonly BackboneName[];
  readonly out: string;
  readonly weights?: string;
  readonly tokens?: number;
  readonly pairs: number;
  readonly threads?: number;
  readonly commit: string;
}

/** Runs a command line of this program; the shipped heads are made by the very command a user has. */
export type RunCommand = (argv: readonly string[]) => Promise<number>;

const rewards: readonly RewardName[] = ["helpful", "harmless"];
const names = Object.keys(recipes) as BackboneName[];
/** What a model folder consists of. */
export const modelFiles = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] as const;

/**
 * Options of the heads' training. Heads are trained before the sharpening, which the language-modelling loss would undo;
 * preferences score the fusion, and the gate stays between the heads.
 */
const headOptions = [
  ...["--epochs", "1", "--batch-size", "32", "--learning-rate", "0.0003", "--device", "cpu"],
  ...["--preference-on", "fused", "--beta-reward", "0.3", "--lambda-reward", "10", "--lambda-gate", "1"],
] as const;

/** The `world make` command. */
export function worldMakeCommand(io: Io, runCommand: RunCommand): Command {
  const integer = numberOption({ min: 1, integer: true });
  return new Command("make")
    .description("train the backbones and heads that are shipped, and gather them with cards and hashes")
    .addOption(new Option("--backbones <names...>", "which backbones").choices(names).default(shippedNames))
    .addOption(new Option("--heads <names...>", "which of them get heads").choices(names).default(["m"]))
    .option("--out <dir>", "folder for runs and their state", "world-out")
    .option("--weights <dir>", "folder to gather what is shipped in (default: nothing is gathered)")
    .option("--tokens <n>", "tokens of each backbone instead of its recipe's", integer)
    .option("--pairs <n>", "preference pairs of each head", integer, 12_000)
    .option("--threads <n>", "threads (default: the cores there are)", integer)
    .option("--commit <hash>", "commit of this code, for the cards", "unknown")
    .action((options: MakeOptions) => make(options, io, runCommand));
}

async function make(options: MakeOptions, io: Io, runCommand: RunCommand): Promise<void> {
  const { backbones, heads, out, weights, tokens, pairs, threads, commit } = options;
  const without = heads.find((name) => !backbones.includes(name));
  if (without !== undefined) {
    throw new UsageError(`Cannot make heads of ${without}: it is not among the backbones; name it there too`);
  }
  const threadOptions = threads === undefined ? [] : ["--threads", String(threads)];
  const shipments: Shipment[] = [];
  const step = async (...argv: readonly string[]): Promise<string> => {
    const status = await runCommand(argv);
    io.signal.throwIfAborted();
    if (status !== 0)
      throw new Error(`Cannot make the world: dual-head ${argv.slice(0, 2).join(" ")} failed, see above`);
    return `dual-head ${argv.join(" ")}`;
  };
  for (const name of backbones) {
    const folder = `${out}/${name}`;
    const budget = tokens === undefined ? [] : ["--tokens", String(tokens)];
    const options = ["--backbone", name, "--out", folder, ...budget, ...threadOptions];
    const command = await step("world", "train", ...options, "--resume");
    shipments.push({
      from: `${folder}/model`,
      files: modelFiles,
      to: `backbones/${name}`,
      card: {
        title: `Backbone ${name} of the mini world`,
        command,
        commit,
        seed: worldSeed,
        metrics: `${folder}/metrics.jsonl`,
        figures: describeRecipe(name),
      },
    });
  }
  for (const name of heads) {
    const [model, plain] = [`${out}/${name}/model`, `${out}/${name}/unsharpened`];
    await writeUnsharpened(name, model, plain);
    for (const reward of rewards) {
      const data = `${out}/${reward}.jsonl`;
      const folder = `${out}/${name}-${reward}`;
      const sharpened = `${folder}/sharpened`;
      const draw = ["--reward", reward, "--count", String(pairs), "--seed", "100", "--out", data];
      await step("world", "export", ...draw);
      const given = ["--model", plain, "--data", data, "--out", folder];
      await step("train", ...given, ...headOptions, ...threadOptions, "--resume");
      await sharpenHeads(name, folder, model, sharpened);
      const files = ["heads.safetensors", "card.md"];
      shipments.push({ from: sharpened, files, to: `heads/${name}-${reward}`, card: null });
    }
  }
  if (weights === undefined) return;
  await ship(shipments, weights);
  io.note(`${shipments.length} folders gathered in ${weights}\n`);
}

/** A recipe as facts for a card. */
export function describeRecipe(name: BackboneName): Readonly<Record<string, string>> {
  const { hiddenSize, layerCount, headCount, groupCount, feedForwardSize, window, sharpness } = recipes[name];
  return {
    Shape: `${hiddenSize} wide, ${layerCount} layers, ${headCount} heads in ${groupCount} groups, feed-forward ${feedForwardSize}${window === null ? "" : `, window ${window}`}`,
    Data: "transcripts of the mini world, good and bad answers evenly; begin token 0, end token 1",
    Sharpness: `the final norm is multiplied by ${sharpness} after training; the losses below are those before`,
  };
}
