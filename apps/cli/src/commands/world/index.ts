// dual-head world: what is made of, trained in and measured by the generated world.
import { Command } from "commander";
import type { Io } from "../../io.ts";
import { worldExportCommand } from "./export.ts";
import { worldMeasureCommand } from "./measure.ts";
import { worldTrainCommand } from "./train.ts";

/** The `world` command with its subcommands. */
export function worldCommand(io: Io): Command {
  const command = new Command("world").description(
    "a generated world of dialogues whose true rewards are known: export it, train models in it, measure them",
  );
  for (const create of [worldExportCommand, worldTrainCommand, worldMeasureCommand]) command.addCommand(create(io));
  return command;
}
