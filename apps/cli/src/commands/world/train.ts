// dual-head world train: the world's backbones from nothing, resumable. What comes of it is an ordinary model folder.
import { type BackboneName, recipes, trainBackbone } from "@dual-head/mini-world";
import { openDevice } from "@dual-head/tensor-core";
import type { PretrainEvent } from "@dual-head/train";
import { Command, Option } from "commander";
import { createProgress, formatDuration, type Io, responsive, toJson } from "../../io.ts";
import { numberOption } from "../../options.ts";

interface WorldTrainOptions {
  readonly backbone: BackboneName;
  readonly out: string;
  readonly tokens?: number;
  readonly threads?: number;
  readonly resume?: boolean;
  readonly json?: boolean;
}

/** The `world train` command. */
export function worldTrainCommand(io: Io): Command {
  const integer = numberOption({ min: 1, integer: true });
  return new Command("train")
    .description("train one of the world's backbones from nothing; the model folder is OUT/model")
    .addOption(new Option("--backbone <name>", "which one").choices(Object.keys(recipes)).default("m"))
    .requiredOption("--out <dir>", "folder for the model, metrics and the state to resume from")
    .option("--tokens <n>", "tokens to train on instead of the recipe's", integer)
    .option("--threads <n>", "threads (default: the cores there are)", integer)
    .option("--resume", "go on where the run in OUT was stopped")
    .option("--json", "print the end of the run as one JSON object")
    .action((options: WorldTrainOptions) => train(options, io));
}

async function train(options: WorldTrainOptions, io: Io): Promise<void> {
  using device = await openDevice("cpu", options.threads === undefined ? {} : { threads: options.threads });
  io.note(`backbone ${options.backbone} on ${device.info.description}\n`);
  const progress = createProgress(io);
  let last: PretrainEvent | null = null;
  try {
    const run = trainBackbone({
      name: options.backbone,
      device,
      folder: options.out,
      tokenBudget: options.tokens,
      resume: options.resume,
      signal: io.signal,
    });
    for await (const event of responsive(run)) {
      last = event;
      if (event.kind !== "step") continue;
      const { step, totalSteps, loss, tokensPerSecond, etaSeconds } = event;
      progress.show(
        `step ${step}/${totalSteps}  ${loss.toFixed(3)} nats a token  ${tokensPerSecond.toFixed(0)} tokens/s  ${formatDuration(etaSeconds)} left`,
      );
    }
  } finally {
    progress.end();
  }
  if (last?.kind !== "end") throw new Error("Cannot sum up the training: it ended without figures");
  const { figures, seconds } = last;
  const { trainLoss, heldOutLoss, step } = figures;
  io.out(
    options.json === true
      ? `${toJson(last)}\n`
      : `${step} steps in ${formatDuration(seconds)}: ${trainLoss.toFixed(4)} nats a token, held out ${heldOutLoss?.toFixed(4)}\n`,
  );
}
