// The program: its commands, and how a failure ends. One file a command in commands/.
import { Command, CommanderError } from "commander";
import { chatCommand } from "./commands/chat.ts";
import { demoCommand } from "./commands/demo.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { evalCommand } from "./commands/eval.ts";
import { exportCommand } from "./commands/export.ts";
import { generateCommand } from "./commands/generate.ts";
import { pullCommand } from "./commands/pull.ts";
import { scoreCommand } from "./commands/score.ts";
import { trainCommand } from "./commands/train.ts";
import { worldCommand } from "./commands/world/index.ts";
import { type Io, UsageError } from "./io.ts";
import { version } from "./version.ts";

/** Runs a command line and returns its exit status; every failure is one line on standard error. */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const program = new Command("dual-head")
    .description("Test-time alignment of a frozen language model by a small reward head and a gate")
    .version(version)
    .showHelpAfterError("(dual-head --help shows the commands and their options)");
  for (const create of [
    trainCommand,
    generateCommand,
    chatCommand,
    scoreCommand,
    pullCommand,
    exportCommand,
    doctorCommand,
    demoCommand,
    evalCommand,
  ]) {
    program.addCommand(create(io));
  }
  program.addCommand(worldCommand(io, (argv) => runCli(argv, io)));
  for (const command of [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)]) {
    command.exitOverride().configureOutput({
      writeOut: io.out,
      writeErr: io.note,
      outputError: (text, write) => write(text.replace(/^error: /, "dual-head: ")),
    });
  }
  try {
    await program.parseAsync([...argv], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    io.note(`dual-head: ${describeFailure(error)}\n`);
    return error instanceof UsageError ? 2 : io.signal.aborted ? 130 : 1;
  }
}

function describeFailure(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s*\n\s*/g, " ").trim() || "failed without a message";
}
