// Where a command's output goes: results to stdout, everything else to stderr. Knows no command.
import { setImmediate } from "node:timers/promises";

/** The outside world of a command; tests give their own. */
export interface Io {
  /** Writes to standard output: only results belong there. */
  readonly out: (text: string) => void;
  /** Writes to standard error: progress, notes, errors. */
  readonly note: (text: string) => void;
  /** Whether standard error is a terminal that can redraw a line. */
  readonly interactive: boolean;
  /** Whether standard output takes colours. */
  readonly colour: boolean;
  readonly columns: number;
  /** Environment variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Lines typed by the user; ends with the input. */
  readonly lines: () => AsyncIterable<string>;
}

/** A command line that cannot be carried out as it was given. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** Lets signals in: work that awaits nothing but finished promises would never see Ctrl-C. */
export const breathe = (): Promise<void> => setImmediate();

/** The same events, with a breath before each. */
export async function* responsive<Event>(events: AsyncIterable<Event>): AsyncGenerator<Event, void, undefined> {
  for await (const event of events) {
    await breathe();
    yield event;
  }
}

/** A line of progress that is redrawn in a terminal, and in a pipe printed every five seconds. */
export function createProgress(io: Io): { show(line: string): void; end(): void } {
  let shown = 0;
  let last = Date.now();
  return {
    show(line) {
      if (io.interactive) {
        const cut = line.slice(0, io.columns - 1);
        io.note(`\r${cut}${" ".repeat(Math.max(0, shown - cut.length))}`);
        shown = cut.length;
      } else if (Date.now() - last > 5000) {
        io.note(`${line}\n`);
        last = Date.now();
      }
    },
    end() {
      if (shown > 0) io.note("\n");
      shown = 0;
    },
  };
}

/** `73` → `1:13`; seconds as minutes and seconds, or hours too. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** `1234567` bytes → `1.2 MB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** JSON in one line; numbers that JSON cannot hold become null, typed arrays become arrays. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, item) => {
    if (typeof item === "number" && !Number.isFinite(item)) return null;
    return ArrayBuffer.isView(item) ? Array.from(item as unknown as Iterable<number>) : item;
  });
}
