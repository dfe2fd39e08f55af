// The dual-head command as a process: standard streams, Ctrl-C and the exit status. Knows no command.
import { createInterface } from "node:readline";
import { runCli } from "./cli.ts";

/** Runs the command line of this process and returns its exit status: 0, 1 for a failure, 2 for a wrong command line. */
export async function main(argv: readonly string[]): Promise<number> {
  const abort = new AbortController();
  process.on("SIGINT", () => {
    if (abort.signal.aborted) process.exit(130);
    abort.abort(new Error("interrupted"));
  });
  // A reader that closes the pipe (head, less) is not a failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  const colour = process.stdout.isTTY === true && process.env.NO_COLOR === undefined && process.env.TERM !== "dumb";
  return runCli(argv, {
    out: (text) => void process.stdout.write(text),
    note: (text) => void process.stderr.write(text),
    interactive: process.stderr.isTTY === true,
    colour,
    // A terminal without a size says 0.
    columns: process.stdout.columns || 100,
    environment: process.env,
    signal: abort.signal,
    lines: () => createInterface({ input: process.stdin }),
  });
}
