// Runs the command line inside a test: captured streams, typed lines, no terminal.
import { runCli } from "../cli.ts";

/** What a command left behind. */
export interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly note: string;
}

/** Runs a command line to its end. */
export async function run(
  argv: readonly string[],
  options: {
    readonly lines?: readonly string[];
    readonly signal?: AbortSignal;
    readonly onOut?: (text: string) => unknown;
    readonly onNote?: (text: string) => unknown;
    /** Whether progress is told line by line, as to a terminal. */
    readonly interactive?: boolean;
    /** Default: nothing cached, no network. */
    readonly environment?: Readonly<Record<string, string>>;
  } = {},
): Promise<Outcome> {
  let [out, note] = ["", ""];
  const status = await runCli(argv, {
    out: (text) => {
      out += text;
      options.onOut?.(text);
    },
    note: (text) => {
      note += text;
      options.onNote?.(text);
    },
    interactive: options.interactive ?? false,
    colour: false,
    columns: 100,
    environment: options.environment ?? { HF_HOME: "/nowhere", HF_HUB_OFFLINE: "1" },
    signal: options.signal ?? new AbortController().signal,
    lines: async function* () {
      yield* options.lines ?? [];
    },
  });
  return { status, out, note };
}

/** Runs a command with --json and returns its object; throws with the error line where it fails. */
export async function runJson<Result>(argv: readonly string[]): Promise<Result> {
  const { status, out, note } = await run([...argv, "--json"]);
  if (status !== 0) throw new Error(`exit ${status}: ${note}`);
  return JSON.parse(out.trim().split("\n").at(-1)!) as Result;
}
