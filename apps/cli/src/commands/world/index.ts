// dual-head world: what is made of, trained in and measured by the generated world.
import { Command } from "commander";
import type { Io } from "../../io.ts";
import { worldExportCommand } from "./export.ts";
import { type RunCommand, worldMakeCommand } from "./make.ts";
import { worldMeasureCommand } from "./measure.ts";
import { worldTrainCommand } from "./train.ts";

/** The `world` command with its subcommands; `make` runs other commands through `runCommand`. */
export function worldCommand(io: Io, runCommand: RunCommand): Command {
  const command = new Command("world").description(
    "a generated world of dialogues whose true rewards are known: export it, train models in it, measure them",
  );
  for (const create of [worldExportCommand, worldTrainCommand, worldMeasureCommand]) command.addCommand(create(io));
  return command.addCommand(worldMakeCommand(io, runCommand));
}
